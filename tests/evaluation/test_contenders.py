from __future__ import annotations

import numpy as np
import pytest
import torch

from ofa_export.data.histories import HeldOut
from ofa_export.evaluation.contenders import own_variants
from ofa_export.evaluation.subject import Subject
from ofa_export.model.network import Adaptation, lookup

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def scores(subject: Subject, held_out: HeldOut) -> dict[str, np.ndarray]:
    found = own_variants(subject.checkpoint.model, subject.checkpoint.table(0), held_out, seed=0)
    return {contender.name: contender.score(held_out.history)[0] for contender in found}


@torch.no_grad()
def by_hand(subject: Subject, held_out: HeldOut, adaptation: Adaptation) -> np.ndarray:
    model, table = subject.checkpoint.model, subject.checkpoint.table(0)
    rows = torch.from_numpy(held_out.history.astype(np.int64))
    valid = model.valid((rows >= 0).sum(dim=1))
    hidden = model.assemble(model.embed(lookup(table, rows), valid), valid, adaptation)
    return (model.states(hidden)[:, -1] @ table.T).numpy()


@torch.no_grad()
def adaptation_of(subject: Subject, histories: np.ndarray) -> Adaptation:
    model, table = subject.checkpoint.model, subject.checkpoint.table(0)
    rows = torch.from_numpy(histories.astype(np.int64))
    valid = model.valid((rows >= 0).sum(dim=1))
    return model.adapt(model.embed(lookup(table, rows), valid), valid)


def test_adapted_is_what_the_checkpoint_does(subject: Subject, held_out: HeldOut, scores: dict) -> None:
    expected = by_hand(subject, held_out, adaptation_of(subject, held_out.history))
    np.testing.assert_allclose(scores["adapted"], expected, atol=1e-5)


def test_not_adapted_is_the_static_net(subject: Subject, held_out: HeldOut, scores: dict) -> None:
    static = subject.checkpoint.model.static_adaptation(len(held_out.targets))
    np.testing.assert_allclose(scores["not_adapted"], by_hand(subject, held_out, static), atol=1e-5)


def test_mean_theta_is_the_same_for_everyone(subject: Subject, held_out: HeldOut, scores: dict) -> None:
    own = adaptation_of(subject, held_out.history)
    means = tuple(theta.mean(dim=0, keepdim=True).expand(len(theta), -1) for theta in own.thetas)
    expected = by_hand(subject, held_out, Adaptation(keep_logits=own.keep_logits, gates=own.gates, thetas=means))
    np.testing.assert_allclose(scores["mean_theta"], expected, atol=1e-5)


def test_strangers_parameters_are_those_of_exactly_one_other_user(
    subject: Subject, held_out: HeldOut, scores: dict
) -> None:
    own = adaptation_of(subject, held_out.history)
    users = np.unique(held_out.users)
    first = {user: int(np.flatnonzero(held_out.users == user)[0]) for user in users.tolist()}
    donors = []
    for user in users.tolist():
        position = first[user]
        matching = []
        for other in users.tolist():
            thetas = tuple(theta[first[other]].expand(len(theta), -1) for theta in own.thetas)
            lent = Adaptation(keep_logits=own.keep_logits, gates=own.gates, thetas=thetas)
            if np.allclose(by_hand(subject, held_out, lent)[position], scores["another_user"][position], atol=1e-6):
                matching.append(other)
        donors.append(set(matching))
    assert all(donor - {user} for user, donor in zip(users.tolist(), donors, strict=True))
    assert sum(user in donor for user, donor in zip(users.tolist(), donors, strict=True)) <= len(users) // 4


def test_every_block_runs_every_block(subject: Subject, held_out: HeldOut, scores: dict) -> None:
    own = adaptation_of(subject, held_out.history)
    all_on = Adaptation(keep_logits=own.keep_logits, gates=torch.ones_like(own.gates), thetas=own.thetas)
    np.testing.assert_allclose(scores["every_block"], by_hand(subject, held_out, all_on), atol=1e-5)
