"""Cross-entropy of user states against the item table: over all items, or over a sample that stands for them.

Scores of all items at all positions of a batch are never held at once. Over all items they are made, turned into
gradients and dropped a few hundred positions at a time, which stays in the processor's cache; over a sample there are
few of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ofa_export.training.distributed import mean_over_all

SCORES_AT_ONCE = 2**20
"""Scores that are made at a time: four megabytes in single precision."""

POSITIONS_AT_ONCE = 64
"""Fewest positions at a time: each time the gradient of the whole table is read and written once."""


@dataclass(frozen=True, kw_only=True)
class Negatives:
    """Items that stand for the whole catalogue in one step.

    Args:
        rows: int64 [K], item rows, some of them more than once.
        log_expected: [K], logarithm of how often each was to be expected among the K (logQ).
    """

    rows: Tensor
    log_expected: Tensor


class NegativeSampler:
    """Draws negatives: half of them as often as items are targets, as those of a batch are, half evenly (our choice).

    Targets alone would hardly show the network the items that nobody chooses; evenly drawn ones are too easy.

    Args:
        popularity: [V], how often each item is a target; with nothing but zeros all are drawn evenly.
        count: K, at least 2.
    """

    def __init__(self, popularity: NDArray[np.int64], count: int) -> None:
        weights = popularity if popularity.any() else np.ones_like(popularity)
        self.chosen, self.evenly = count // 2, count - count // 2
        self.targets = np.cumsum(weights)
        expected = self.chosen * weights / weights.sum() + self.evenly / len(weights)
        self.log_expected = torch.from_numpy(np.log(expected).astype(np.float32))

    def draw(self, generator: np.random.Generator) -> Negatives:
        """Draw the negatives of a step.

        Args:
            generator: of this step; all processes draw the same.
        """
        chosen = np.searchsorted(self.targets, generator.integers(self.targets[-1], size=self.chosen), "right")
        evenly = generator.integers(len(self.targets), size=self.evenly)
        rows = torch.from_numpy(np.concatenate([chosen, evenly]))
        return Negatives(rows=rows, log_expected=self.log_expected[rows])


def softmax_loss(states: Tensor, table: Tensor, targets: Tensor, *, negatives: Negatives | None = None) -> Tensor:
    """Return the mean cross-entropy over the positions of all processes.

    Args:
        states: [n, d], user states.
        table: [V, d].
        targets: int64 [n], item rows.
        negatives: what stands for the items that are no target; all of them when None.

    Returns:
        A scalar, with gradients of states and table. Sampled, it estimates the loss over all items: the scores of the
        negatives are lowered by the logarithm of their expected number, that of the target, which is always there, is
        not (logQ correction; Bengio and Senécal 2008, the target's part after Khrylchenko et al. 2025).
    """
    if negatives is None:
        part: Tensor = _FullSoftmax.apply(states, table, targets)
    else:
        part = _sampled(states, table, targets, negatives)
    return mean_over_all(part, len(targets))


def _sampled(states: Tensor, table: Tensor, targets: Tensor, negatives: Negatives) -> Tensor:
    rows = negatives.rows.to(states.device)
    right = (states * table[targets]).sum(dim=-1, keepdim=True)
    scores = states @ table[rows].T - negatives.log_expected.to(states.device)
    # A target among the negatives would be pushed away from itself.
    scores = scores.masked_fill(rows[None, :] == targets[:, None], -math.inf)
    return F.cross_entropy(torch.cat([right, scores], dim=1).float(), torch.zeros_like(targets), reduction="sum")


class _FullSoftmax(torch.autograd.Function):
    """Sum of the cross-entropies over all items; both gradients are made with it, in the precision of autocast."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, table: Tensor, targets: Tensor) -> Tensor:
        device = states.device.type
        kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else table.dtype
        with torch.autocast(device, enabled=False):
            items, transposed = table.to(kind), table.to(kind).T.contiguous()
            of_states, of_table = torch.empty_like(states), torch.zeros_like(table)
            loss = table.new_zeros(())
            step = max(POSITIONS_AT_ONCE, SCORES_AT_ONCE // len(table))
            for start in range(0, len(states), step):
                part, right = states[start : start + step].to(kind), targets[start : start + step, None]
                logs = torch.log_softmax((part @ transposed).to(table.dtype), dim=-1)
                loss -= logs.gather(1, right).sum()
                errors = logs.exp_()
                errors.scatter_add_(1, right, -torch.ones_like(right, dtype=errors.dtype))
                errors = errors.to(kind)
                of_states[start : start + step] = errors @ items
                of_table += errors.T @ part
        ctx.save_for_backward(of_states, of_table)
        return loss

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        of_states, of_table = ctx.saved_tensors
        return gradient * of_states, gradient * of_table, None
