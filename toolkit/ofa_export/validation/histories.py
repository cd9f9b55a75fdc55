"""Histories to compare on: real ones of the checkpoint's validation split, and short and long ones made of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ofa_export.model.checkpoint import Checkpoint

CUT_HISTORIES = 4
"""Real histories that are also cut to 1 item, 2 items and half the visible length."""


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
        rows = np.full((len(self.items), self.history_length), -1, np.int32)
        for row, items in zip(rows, self.items, strict=True):
            visible = items[-self.history_length :]
            row[-len(visible) :] = visible
        return rows


def validation_histories(checkpoint: Checkpoint, *, group: int, maximum: int) -> ValidationHistories:
    """Choose histories: the same ones for the same checkpoint.

    Args:
        checkpoint: its validation histories are of users that were held out.
        group: user group of the bundle; where it has none, all groups count.
        maximum: whole histories at most, spread evenly over them.

    Returns:
        Whole histories; the longest of them cut to 1, 2 and T / 2 items; and one joined of them that is longer than
        T, itself and cut to T.
    """
    validation, T = checkpoint.validation, checkpoint.config.model.history_length
    mine = validation.rows_of_group(group)
    chosen = mine[np.unique(np.linspace(0, len(mine) - 1, maximum).round().astype(int))]
    items = [rows[rows >= 0] for rows in validation.histories[chosen]]
    names = [f"history {number}" for number in chosen]
    longest = sorted(range(len(items)), key=lambda index: -len(items[index]))[:CUT_HISTORIES]
    cuts = [(index, length) for index in longest for length in sorted({1, 2, T // 2}) if length < len(items[index])]
    joined = np.resize(np.concatenate([items[index] for index in reversed(longest)]), T + T // 2)
    return ValidationHistories(
        items=(*items, *(items[index][-length:] for index, length in cuts), joined[-T:], joined),
        names=(*names, *(f"{names[index]} cut to {length}" for index, length in cuts), f"joined {T}", "joined longer"),
        targets=validation.targets[chosen],
        history_length=T,
    )
