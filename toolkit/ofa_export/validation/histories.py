"""Histories to compare on: real ones of the checkpoint's validation split, cut ones, and ones that are made.

Real histories show what users see. Made ones reach what real ones may never reach: every length, every item, items that
are repeated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ofa_export.model.checkpoint import Checkpoint

CUT_HISTORIES = 4
"""Real histories that are also cut to 1 item, 2 items and half the visible length."""

PER_LENGTH = 4
"""Made histories of each length: one that rounds a single activation otherwise says nothing about its length."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ValidationHistories:
    """Histories to compare on; the whole ones, whose next item is known, come first.

    Args:
        items: item rows of each history, oldest first, H arrays of any length from 1.
        names: what each is called in a report, H of them.
        targets: item row that came next, `[whole]`.
        history_length: T, items that the model looks at.
    """

    items: tuple[NDArray[np.int32], ...]
    names: tuple[str, ...]
    targets: NDArray[np.int32]
    history_length: int

    def __len__(self) -> int:
        return len(self.items)

    @property
    def whole(self) -> int:
        """The number of whole histories, whose next item is known."""
        return len(self.targets)

    @cached_property
    def rows(self) -> NDArray[np.int32]:
        """The histories as the model sees them: int32 `[H, T]`, the last T items, -1 where padded on the left."""
        return padded(self.items, self.history_length)


def validation_histories(checkpoint: Checkpoint, *, group: int, maximum: int) -> ValidationHistories:
    """Choose histories: the same ones for the same checkpoint.

    Args:
        checkpoint: its validation histories are of users that were held out.
        group: user group of the bundle; where it has none, all groups count.
        maximum: whole histories at most, spread evenly over them.

    Returns:
        Whole histories; the longest of them cut to 1, 2 and T / 2 items; and one joined of them that is longer than
        T, itself and cut to T. Of a checkpoint without validation histories: made ones, none of which is whole.
    """
    validation, T = checkpoint.validation, checkpoint.config.model.history_length
    mine = validation.rows_of_group(group)
    if not len(mine):
        return _without_real_ones(checkpoint.config.model.items, T, maximum)
    chosen = mine[np.unique(np.linspace(0, len(mine) - 1, maximum).round().astype(int))]
    items = [rows[rows >= 0] for rows in validation.histories[chosen]]
    called = {"real": "history", "synthetic": "synthetic history", "none": "drawn history"}[
        checkpoint.config.history_kind
    ]
    names = [f"{called} {number}" for number in chosen]
    longest = sorted(range(len(items)), key=lambda index: -len(items[index]))[:CUT_HISTORIES]
    cuts = [(index, length) for index in longest for length in sorted({1, 2, T // 2}) if length < len(items[index])]
    joined = np.resize(np.concatenate([items[index] for index in reversed(longest)]), T + T // 2)
    return ValidationHistories(
        items=(*items, *(items[index][-length:] for index, length in cuts), joined[-T:], joined),
        names=(*names, *(f"{names[index]} cut to {length}" for index, length in cuts), f"joined {T}", "joined longer"),
        targets=validation.targets[chosen],
        history_length=T,
    )


def made_histories(*, items: int, history_length: int, fewest: int, most: int) -> NDArray[np.int32]:
    """Make histories of every length, then with repeated items, then of all items that are in none of these.

    Args:
        items: V, rows of the item table.
        history_length: T.
        fewest: how many are made even where fewer hold every item.
        most: how many are made at most, but for those of every length and those with repeats; where V is larger than
            `most` times T, some items are in none.

    Returns:
        int32 `[M, T]`, -1 where padded on the left; the same for the same arguments.
    """
    drawn = _drawn_items(items, seed=0)
    made = [_taken(drawn, length) for length in range(1, history_length + 1) for _ in range(PER_LENGTH)]
    missing = max(0, items - sum(map(len, made)))
    made += _repeats(items, history_length)
    wanted = min(most, len(made) + math.ceil(missing / history_length))
    made += [_taken(drawn, history_length) for _ in range(len(made), max(fewest, wanted))]
    return padded(made, history_length)


def of_length(length: int, *, items: int, history_length: int, count: int) -> NDArray[np.int32]:
    """Make further histories of one length, for a closer look at it.

    Args:
        length: from 1 to T.
        items: V.
        history_length: T.
        count: how many.

    Returns:
        int32 `[count, T]`, -1 where padded on the left.
    """
    drawn = _drawn_items(items, seed=length)
    return padded([_taken(drawn, length) for _ in range(count)], history_length)


def padded(histories: list[NDArray[np.int32]] | tuple[NDArray[np.int32], ...], length: int) -> NDArray[np.int32]:
    """Write histories as the model sees them.

    Args:
        histories: item rows of each, oldest first.
        length: T; only the last T items count.

    Returns:
        int32 `[H, T]`, -1 where padded on the left.
    """
    rows = np.full((len(histories), length), -1, np.int32)
    for row, items in zip(rows, histories, strict=True):
        visible = items[-length:]
        row[-len(visible) :] = visible
    return rows


def _without_real_ones(items: int, T: int, maximum: int) -> ValidationHistories:
    made = made_histories(items=items, history_length=T, fewest=0, most=0)
    chosen = np.unique(np.linspace(0, len(made) - 1, maximum).round().astype(int))
    longer = np.resize(made[-1][made[-1] >= 0], T + T // 2)
    return ValidationHistories(
        items=(*(made[number][made[number] >= 0] for number in chosen), longer),
        names=(*(f"made history {number}" for number in chosen), "made longer"),
        targets=np.zeros(0, np.int32),
        history_length=T,
    )


def _drawn_items(items: int, *, seed: int) -> Iterator[int]:
    """All items in random order, then all in another."""
    rng = np.random.default_rng(seed)
    while True:
        yield from rng.permutation(items).tolist()


def _taken(drawn: Iterator[int], count: int) -> NDArray[np.int32]:
    return np.fromiter(islice(drawn, count), np.int32, count)


def _repeats(items: int, T: int) -> list[NDArray[np.int32]]:
    """Histories in which items follow themselves, come again at once or later, or are all there is; long and short."""
    drawn, made = _drawn_items(items, seed=1), []
    for length in sorted({2, 3, T // 2, T - 1, T} & set(range(2, T + 1))):
        some = _taken(drawn, length)
        made += [
            np.repeat(some, 2)[:length],
            np.repeat(some, 2)[1 : length + 1],
            np.resize(some[: (length + 1) // 2], length),
            np.concatenate([some[:1], some[1:-1], some[:1]]),
            np.repeat(some[:1], length),
        ]
    return made
