"""Ways to score with a checkpoint's own weights that show what each part of adapting is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ofa_export.data.histories import HeldOut
from ofa_export.evaluation.quality import Score
from ofa_export.model.network import Adaptation, AdaptiveRecommender
from ofa_export.ranking.scoring import Adapt, score_histories, static_adapt
from ofa_export.training.training_loop import stage_seed


@dataclass(frozen=True, kw_only=True, eq=False)
class Contender:
    """A named way to score.

    Args:
        name: for programs.
        label: for people.
        score: histories to scores of all items.
    """

    name: str
    label: str
    score: Score


def network_score(model: AdaptiveRecommender, adapt: Adapt, table: Tensor) -> Score:
    """Return scores of a network with one item table.

    Args:
        model: the network.
        adapt: `model.adapt`, or what stands for it.
        table: [V, d].
    """
    return lambda histories: score_histories(model, adapt, table, histories)


def own_variants(model: AdaptiveRecommender, table: Tensor, held_out: HeldOut, *, seed: int) -> tuple[Contender, ...]:
    """Return the adapted net, and the same weights with one part of the adaptation taken away.

    Args:
        model: the network.
        table: [V, d].
        held_out: whose thetas stand in for others'.
        seed: of random gates and of who is whose stranger.

    Returns:
        `adapted` first.
    """
    found = _adaptation(model, table, held_out.history)
    means = tuple(theta.mean(dim=0, keepdim=True) for theta in found.thetas)
    shares = found.gates.mean(dim=0)
    strangers = _someone_elses(held_out, seed)
    plain = {
        "adapted": ("adapted in one pass", model.adapt),
        "every_block": ("adapted, every block executed", _every_block(model)),
        "random_gates": ("adapted, as many blocks by chance", _random_gates(model, shares, seed)),
        "mean_theta": ("with the mean of all users' parameters", _fixed_thetas(model, means)),
        "not_adapted": ("the same net, not adapted", static_adapt(model)),
    }
    return (
        *(
            Contender(name=name, label=label, score=network_score(model, adapt, table))
            for name, (label, adapt) in plain.items()
        ),
        Contender(
            name="another_user",
            label="with another user's parameters",
            score=_with_strangers(model, table, held_out, strangers),
        ),
    )


@torch.no_grad()
def _adaptation(model: AdaptiveRecommender, table: Tensor, histories: NDArray[np.int32]) -> Adaptation:
    rows = torch.from_numpy(histories.astype(np.int64))
    return model.adapt(*model.embed_rows(table, rows))


def _someone_elses(held_out: HeldOut, seed: int) -> NDArray[np.int32]:
    """For each position the history of another user, `[B, T]`: users in a random ring, so that none meets itself."""
    users, first = np.unique(held_out.users, return_index=True)
    order = np.random.default_rng(stage_seed(seed, "strangers")).permutation(len(users))
    stranger = np.empty_like(order)
    stranger[order] = np.roll(order, -1)
    return held_out.history[first[stranger[np.searchsorted(users, held_out.users)]]]


def _with_strangers(
    model: AdaptiveRecommender, table: Tensor, held_out: HeldOut, strangers: NDArray[np.int32]
) -> Score:
    stranger_of = {history.tobytes(): stranger for history, stranger in zip(held_out.history, strangers, strict=True)}

    def score(histories: NDArray[np.int32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        met = np.stack([stranger_of[history.tobytes()] for history in histories])
        thetas = _adaptation(model, table, met).thetas

        def adapt(x: Tensor, valid: Tensor) -> Adaptation:
            return replace(model.adapt(x, valid), thetas=thetas)

        return score_histories(model, adapt, table, histories, batch_size=len(histories))

    return score


def _every_block(model: AdaptiveRecommender) -> Adapt:
    def adapt(x: Tensor, valid: Tensor) -> Adaptation:
        own = model.adapt(x, valid)
        return replace(own, gates=torch.ones_like(own.gates))

    return adapt


def _random_gates(model: AdaptiveRecommender, shares: Tensor, seed: int) -> Adapt:
    generator = torch.Generator().manual_seed(seed)

    def adapt(x: Tensor, valid: Tensor) -> Adaptation:
        own = model.adapt(x, valid)
        return replace(own, gates=(torch.rand(own.gates.shape, generator=generator) < shares).to(own.gates.dtype))

    return adapt


def _fixed_thetas(model: AdaptiveRecommender, thetas: tuple[Tensor, ...]) -> Adapt:
    def adapt(x: Tensor, valid: Tensor) -> Adaptation:
        own = model.adapt(x, valid)
        return replace(own, thetas=tuple(theta.expand(len(x), -1) for theta in thetas))

    return adapt
