"""Interactions with a planted answer: what comes next depends on a hidden type of the user."""

from __future__ import annotations

import numpy as np
import polars as pl

from ofa_export.errors import ConfigError

_START = 1_600_000_000
_STEP = 60


def planted_interactions(
    *, users: int = 3000, items: int = 200, types: int = 9, follow: float = 0.75, length: int = 80, seed: int
) -> pl.DataFrame:
    """Draw histories in which adaptation to the user pays, and nothing else does.

    Every user has one of `types` hidden types, every type a permutation of the items. The next item is the
    permutation's successor of the present one with probability `follow`, else any item, all equally likely: whoever
    knows the type ranks the target first in `follow` of the cases; who does not sees `types` equally good successors.

    Source: our choice. Each permutation is one cycle through all items, so that no user is caught in a short one.

    Args:
        users: number of users.
        items: V, number of items.
        types: number of hidden types.
        follow: probability that the permutation decides.
        length: interactions per user.
        seed: the same seed gives the same frame.

    Returns:
        `users * length` rows of `user_id`, `item_id` and `timestamp` (increasing within a user); items may repeat.

    Raises:
        ConfigError: an argument is out of range.
    """
    if users < 2 or items < 2 or types < 1 or length < 3 or not 0 <= follow <= 1:
        raise ConfigError(
            f"users={users}, items={items}, types={types}, follow={follow}, length={length} cannot be planted. "
            "Give at least 2 users, 2 items, 1 type, length 3, and follow between 0 and 1."
        )
    random = np.random.default_rng(seed)
    successors = np.stack([_cycle(random, items) for _ in range(types)])
    kind = random.integers(types, size=users)
    drawn = random.integers(items, size=(users, length))
    follows = random.random((users, length)) < follow
    for position in range(1, length):
        planned = successors[kind, drawn[:, position - 1]]
        drawn[:, position] = np.where(follows[:, position], planned, drawn[:, position])
    return pl.DataFrame(
        {
            "user_id": np.repeat(_keys("user", users), length),
            "item_id": _keys("item", items)[drawn.ravel()],
            "timestamp": np.tile(_START + _STEP * np.arange(length, dtype=np.int64), users),
        }
    )


def _cycle(random: np.random.Generator, items: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """`[V]` successor of each item on a random cycle through all of them."""
    order = random.permutation(items)
    successor = np.empty(items, dtype=np.int64)
    successor[order] = np.roll(order, -1)
    return successor


def _keys(prefix: str, count: int) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    width = len(str(count - 1))
    return np.array([f"{prefix}-{number:0{width}d}" for number in range(count)])
