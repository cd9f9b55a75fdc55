from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ofa_export.training import softmax_loss as module
from ofa_export.training.softmax_loss import Negatives, NegativeSampler, softmax_loss


def states_and_table(*, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    states, table = (torch.randn(rows, 8, generator=generator, dtype=dtype) for rows in (10, 24))
    return states.requires_grad_(), table.requires_grad_(), torch.randint(24, (10,), generator=generator)


def gradients(loss: Tensor, *of: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, of)


@pytest.mark.parametrize("at_once", [1, 24 * 3, 2**20])
def test_the_loss_and_its_gradients_are_those_of_the_softmax_over_all_items(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SCORES_AT_ONCE", at_once)
    monkeypatch.setattr(module, "POSITIONS_AT_ONCE", 1)
    states, table, targets = states_and_table()
    expected, found = F.cross_entropy(states @ table.T, targets), softmax_loss(states, table, targets)
    torch.testing.assert_close(found, expected)
    # Times three: the gradient that comes back counts too.
    for right, made in zip(gradients(3 * expected, states, table), gradients(3 * found, states, table), strict=True):
        torch.testing.assert_close(made, right)


def test_bfloat16_changes_the_gradients_by_its_rounding_and_no_more() -> None:
    states, table, targets = states_and_table(dtype=torch.float32)
    exact = gradients(softmax_loss(states, table, targets), states, table)
    with torch.autocast("cpu", torch.bfloat16):
        loss = softmax_loss(states, table, targets)
    rounded = gradients(loss, states, table)
    assert loss.dtype == torch.float32
    for right, made in zip(exact, rounded, strict=True):
        assert not torch.equal(made, right)
        torch.testing.assert_close(made, right, rtol=0, atol=0.02 * float(right.abs().max()))


def test_every_item_once_and_expected_once_is_the_softmax_over_all_items() -> None:
    states, table, targets = states_and_table()
    everything = Negatives(rows=torch.arange(24), log_expected=torch.zeros(24))
    found, expected = softmax_loss(states, table, targets, negatives=everything), softmax_loss(states, table, targets)
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)


def test_sampled_losses_stand_for_the_one_over_all_items() -> None:
    states, table, targets = (part.detach() for part in states_and_table(dtype=torch.float32))
    popularity = np.arange(24)[::-1] ** 2
    sampler, generator = NegativeSampler(popularity, 512), np.random.default_rng(0)
    found = [float(softmax_loss(states, table, targets, negatives=sampler.draw(generator))) for _ in range(200)]
    # Without the correction the loss is larger by log(512 / 24) = 3, with a wrong one by tenths.
    assert np.mean(found) == pytest.approx(float(softmax_loss(states, table, targets)), abs=0.01)


def test_half_of_the_negatives_are_drawn_as_often_as_they_are_targets() -> None:
    popularity = np.array([0, 1, 7, 0])
    sampler, generator = NegativeSampler(popularity, 8), np.random.default_rng(0)
    draws = [sampler.draw(generator) for _ in range(4000)]
    counts = torch.bincount(torch.cat([draw.rows for draw in draws]), minlength=4) / len(draws)
    expected = torch.tensor([1.0, 1.5, 4.5, 1.0])
    torch.testing.assert_close(counts, expected, rtol=0, atol=0.1)
    for draw in draws[:20]:
        torch.testing.assert_close(draw.log_expected, expected[draw.rows].log())


def test_a_target_among_the_negatives_is_not_pushed_away() -> None:
    states, table, targets = states_and_table(dtype=torch.float32)
    right = Negatives(rows=targets[:1].repeat(5), log_expected=torch.zeros(5))
    loss = softmax_loss(states[:1], table, targets[:1], negatives=right)
    assert loss.item() == 0


def test_a_catalogue_smaller_than_the_sample_and_items_that_nobody_chose() -> None:
    states, table, targets = states_and_table(dtype=torch.float32)
    for popularity in (np.zeros(24, np.int64), np.eye(24, dtype=np.int64)[3]):
        negatives = NegativeSampler(popularity, 256).draw(np.random.default_rng(1))
        assert torch.isfinite(softmax_loss(states, table, targets, negatives=negatives))
        assert len(negatives.rows) == 256
