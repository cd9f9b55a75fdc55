"""Interactions of easy and hard users, for whom different depths are right."""

from __future__ import annotations

import numpy as np
import polars as pl

from ofa_export.errors import ConfigError

_START = 1_600_000_000
_STEP = 60


def mixed_interactions(
    *, users: int = 3000, items: int = 200, follow: float = 0.75, length: int = 80, back: int = 3, seed: int
) -> pl.DataFrame:
    """Draw histories of two kinds of users; a net that spends alike on both wastes depth on the easy ones.

    With probability `follow` the next item of an easy user is the successor of the newest item, that of a hard user
    the successor of the item `back` steps ago, which has to be fetched by attention first; else it is any item. The
    successor is the same for everyone. Even users are easy, odd ones hard, and their keys say so.

    Source: our choice, for gates that should differ between users.

    Args:
        users: number of users.
        items: V, number of items.
        follow: probability that the successor decides.
        length: interactions per user.
        back: steps that hard users look back.
        seed: the same seed gives the same frame.

    Returns:
        `users * length` rows of `user_id` (`easy-0000`, `hard-0001`, …), `item_id` and `timestamp`.

    Raises:
        ConfigError: an argument is out of range.
    """
    if users < 2 or items < 2 or length < 3 or not 1 < back < length or not 0 <= follow <= 1:
        raise ConfigError(
            f"users={users}, items={items}, follow={follow}, length={length}, back={back} cannot be planted. Give at "
            "least 2 users, 2 items, length 3, back between 2 and length - 1, and follow between 0 and 1."
        )
    random = np.random.default_rng(seed)
    order = random.permutation(items)
    successor = np.empty(items, dtype=np.int64)
    successor[order] = np.roll(order, -1)
    hard = np.arange(users) % 2 == 1
    drawn = random.integers(items, size=(users, length))
    follows = random.random((users, length)) < follow
    for position in range(1, length):
        source = np.where(hard, max(0, position - back), position - 1)
        planned = successor[drawn[np.arange(users), source]]
        drawn[:, position] = np.where(follows[:, position], planned, drawn[:, position])
    digits = len(str(users - 1))
    keys = [f"{'hard' if odd else 'easy'}-{number:0{digits}d}" for number, odd in enumerate(hard)]
    width = len(str(items - 1))
    names = np.array([f"item-{number:0{width}d}" for number in range(items)])
    return pl.DataFrame(
        {
            "user_id": np.repeat(keys, length),
            "item_id": names[drawn.ravel()],
            "timestamp": np.tile(_START + _STEP * np.arange(length, dtype=np.int64), users),
        }
    )
