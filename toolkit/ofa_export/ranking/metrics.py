"""Full-ranking metrics: every item competes, none is sampled, and ties count against the model."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ofa_export.data.histories import PAD
from ofa_export.errors import ConfigError, NumericsError

TOP = 10
"""Items of a list that people are shown: k of every NDCG@k and HR@k here."""

_NORMAL_95 = 1.959963984540054


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over users and its 95 % confidence interval (normal approximation).

    Args:
        mean: of the metric over users.
        half_width: the interval is `mean ± half_width`.
        users: number of users.
    """

    mean: float
    half_width: float
    users: int

    @property
    def low(self) -> float:
        """Lower end."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """Upper end."""
        return self.mean + self.half_width

    @property
    def signed(self) -> str:
        """As text with the sign of the mean, for differences."""
        return f"{self.mean:+.4f} ± {self.half_width:.4f}"

    def __str__(self) -> str:
        return f"{self.mean:.4f} ± {self.half_width:.4f}"


def interval(per_user: NDArray[np.float64]) -> Interval:
    """Return mean and 95 % interval; of a difference of two models, if given the per-user differences.

    Args:
        per_user: `[B]` one value per user.

    Returns:
        The interval.

    Raises:
        ConfigError: fewer than two users, of which no spread can be told.
    """
    if len(per_user) < 2:
        raise ConfigError(f"An interval over {len(per_user)} users says nothing. Evaluate at least 2.")
    half_width = _NORMAL_95 * per_user.std(ddof=1) / np.sqrt(len(per_user))
    return Interval(mean=float(per_user.mean()), half_width=float(half_width), users=len(per_user))


def target_ranks(
    scores: NDArray[np.floating[Any]],
    targets: NDArray[np.integer[Any]],
    *,
    history: NDArray[np.integer[Any]] | None = None,
) -> NDArray[np.int64]:
    """Rank of each target among all items, 1 the best; an item with the target's own score stands before it.

    Args:
        scores: `[B, V]` score of every item.
        targets: `[B]` row of the right answer.
        history: `[B, T]` rows that cannot be right and leave the ranking, padded with `PAD`; the target itself always
            stays. None ranks all items.

    Returns:
        `[B]`, from 1 to V.

    Raises:
        NumericsError: a score is not finite.
    """
    if not np.isfinite(scores).all():
        users, items = np.nonzero(~np.isfinite(scores))
        raise NumericsError(
            f"{len(users):,} of {scores.size:,} scores are not finite, the first {scores[users[0], items[0]]} for "
            f"user {users[0]} of the batch and item row {items[0]}. Check the weights for overflow."
        )
    everyone = np.arange(len(targets))
    before = scores >= scores[everyone, targets][:, None]
    if history is not None:
        user, position = np.nonzero(history != PAD)
        before[user, history[user, position]] = False
    before[everyone, targets] = False
    ranks: NDArray[np.int64] = 1 + before.sum(axis=1, dtype=np.int64)
    return ranks


def hit_rate(ranks: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """HR@k of each user: 1 where the target is among the first k.

    Args:
        ranks: `[B]` as `target_ranks` returns them.
        k: length of the list.

    Returns:
        `[B]`.
    """
    return (ranks <= k).astype(np.float64)


def ndcg(ranks: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """NDCG@k of each user with one relevant item, whose ideal DCG is 1: 1 / log2(1 + rank) within the first k.

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (2002), binary relevance.

    Args:
        ranks: `[B]` as `target_ranks` returns them.
        k: length of the list.

    Returns:
        `[B]`, from 0 to 1.
    """
    found: NDArray[np.float64] = _gains(k)[np.minimum(ranks, k + 1) - 1]
    return found


def ndcg_at_10(
    scores: NDArray[np.floating[Any]],
    targets: NDArray[np.integer[Any]],
    *,
    history: NDArray[np.integer[Any]] | None = None,
) -> NDArray[np.float64]:
    """NDCG@10 of each user, all items ranked: `ndcg` of `target_ranks`.

    Args:
        scores: `[B, V]` score of every item.
        targets: `[B]` row of the right answer.
        history: `[B, T]` rows that leave the ranking, padded with `PAD`. None ranks all items.

    Returns:
        `[B]`, from 0 to 1.

    Raises:
        NumericsError: a score is not finite.
    """
    return ndcg(target_ranks(scores, targets, history=history), TOP)


@cache
def _gains(k: int) -> NDArray[np.float64]:
    # Decimal logarithms are the same on every processor; those of its own library may differ in the last digit.
    return np.array([*(float(Decimal(2).ln() / Decimal(1 + rank).ln()) for rank in range(1, k + 1)), 0.0])
