"""Ranking quality on held-out items: full ranking, one value per user, intervals and paired differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ofa_export.data.histories import HeldOut, Histories
from ofa_export.ranking.metrics import TOP, Interval, hit_rate, interval, ndcg, target_ranks

BATCH = 512
"""Histories that are scored at a time, so that scores of all items never lie in memory for all users."""

Score = Callable[[NDArray[np.int32]], tuple[NDArray[np.floating[Any]], NDArray[np.float32] | None]]
"""Histories [B, T] -> scores [B, V], and the gates [B, L] where there are any."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Quality:
    """Metrics of one way to score.

    Args:
        ndcg: NDCG@10 of each user, the mean over the user's positions, `[U]`.
        hits: HR@10 of each user, likewise, `[U]`.
        executed: share of blocks that ran for each user, `[U]`; None where there are no blocks.
        gate_patterns: different sets of blocks that were assembled; 0 where there are no blocks.
    """

    ndcg: NDArray[np.float64]
    hits: NDArray[np.float64]
    executed: NDArray[np.float64] | None
    gate_patterns: int

    @property
    def executed_share(self) -> float | None:
        """Mean share of blocks that ran; None where there are no blocks."""
        return None if self.executed is None else float(self.executed.mean())

    @property
    def ndcg_interval(self) -> Interval:
        """Mean NDCG@10 and its 95 % interval over users."""
        return interval(self.ndcg)

    @property
    def hits_interval(self) -> Interval:
        """Mean HR@10 and its 95 % interval over users."""
        return interval(self.hits)

    def lead_over(self, other: Quality) -> Interval:
        """Return mean paired difference in NDCG@10 to another way on the same users, with its 95 % interval."""
        return interval(self.ndcg - other.ndcg)


def measure(score: Score, held_out: HeldOut, histories: Histories) -> Quality:
    """Rank every held-out item among all items.

    Args:
        score: the way to score.
        held_out: positions to predict.
        histories: says whether the visible history leaves the ranking.

    Raises:
        NumericsError: a score is not finite.
    """
    ranks, gates = [], []
    for start in range(0, len(held_out.targets), BATCH):
        part = slice(start, start + BATCH)
        scores, executed = score(held_out.history[part])
        seen = held_out.history[part] if histories.exclude_history else None
        ranks.append(target_ranks(scores, held_out.targets[part], history=seen))
        if executed is not None:
            gates.append(executed)
    found = np.concatenate(ranks)
    assembled = np.concatenate(gates) if gates else None
    return Quality(
        ndcg=per_user(ndcg(found, TOP), held_out.users),
        hits=per_user(hit_rate(found, TOP), held_out.users),
        executed=None if assembled is None else per_user(assembled.mean(axis=1), held_out.users),
        gate_patterns=0 if assembled is None else len(np.unique(assembled, axis=0)),
    )


def per_user(values: NDArray[np.float64], users: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return mean of each user's positions, in ascending order of users.

    Args:
        values: `[B]`.
        users: `[B]`, the user of each value.
    """
    _, owner = np.unique(users, return_inverse=True)
    means: NDArray[np.float64] = np.bincount(owner, weights=values) / np.bincount(owner)
    return means
