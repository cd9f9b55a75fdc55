"""Full ranking over a catalogue whose scores do not fit in memory: some items at a time."""

from __future__ import annotations

import os
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.typing import NDArray
from torch import Tensor

from ofa_export.bundle.codes import row_pieces
from ofa_export.bundle.table import Rows
from ofa_export.errors import NumericsError

USERS_AT_ONCE = 256
"""With one piece of the items, 8 MB of scores."""

TIE = 1e-9
"""Scores are equal that differ by less, in lengths of the user's state times the answer's embedding.

Far more than float64 rounds, so that equal embeddings tie; far less than what tells two items apart.
"""


class ItemTable(Protocol):
    """Item embeddings that can be read in pieces."""

    @property
    def items(self) -> int:
        """V, rows of the table."""

    def lookup(self, rows: Rows) -> NDArray[np.float32]:
        """Return embeddings of some items, `[n, d]`."""

    def rows(self, rows: range) -> NDArray[np.float32]:
        """Return embeddings of consecutive items, `[n, d]`."""


class FullTable:
    """The unquantised table.

    Args:
        values: [V, d].
    """

    def __init__(self, values: Float[Tensor, "V d"]) -> None:
        self._values = values.numpy()

    @property
    def items(self) -> int:
        """V, rows of the table."""
        return len(self._values)

    def lookup(self, rows: Rows) -> NDArray[np.float32]:
        """Return embeddings of some items, `[n, d]`."""
        return self._values[rows]

    def rows(self, rows: range) -> NDArray[np.float32]:
        """Return embeddings of consecutive items, `[n, d]`."""
        return self._values[rows.start : rows.stop]


def table_ranks(
    states: Float64[Tensor, "B d"],
    table: ItemTable,
    targets: NDArray[np.integer[Any]],
    *,
    history: NDArray[np.integer[Any]] | None = None,
    workers: Executor,
) -> NDArray[np.int64]:
    """Rank each target among all items as `metrics.target_ranks` does, ties against the model.

    Computed in float64, and with a tie that is wider than its rounding: the ranks are the same on every processor.

    Args:
        states: [B, d], float64, what an item's embedding is multiplied with to give its score.
        table: the items.
        targets: `[B]` row of the right answer.
        history: `[B, T]` rows that cannot be right and leave the ranking, padded with `PAD`. None ranks all items.
        workers: threads to count in, from `counting_threads`.

    Returns:
        `[B]`, from 1 to V.

    Raises:
        NumericsError: a score is not finite.
    """
    answers = torch.from_numpy(table.lookup(targets)).double()
    own = (states * answers).sum(dim=1) - TIE * states.norm(dim=1) * answers.norm(dim=1)
    left_out = targets[:, None] if history is None else np.column_stack([history, targets])

    def ahead(piece: slice) -> NDArray[np.int64]:
        """Tell how many of some items stand before each target."""
        rows = range(piece.start, piece.stop)
        values, found = torch.from_numpy(table.rows(rows)).double(), np.empty(len(targets), np.int64)
        for first in range(0, len(targets), USERS_AT_ONCE):
            some = slice(first, first + USERS_AT_ONCE)
            scores = (states[some] @ values.T).numpy()
            _check_finite(scores, rows)
            before = scores >= own[some, None].numpy()
            user, place = np.nonzero((left_out[some] >= rows.start) & (left_out[some] < rows.stop))
            before[user, left_out[some][user, place] - rows.start] = False
            found[some] = before.sum(axis=1)
        return found

    counts = workers.map(ahead, row_pieces(table.items))
    return 1 + sum(counts, np.zeros(len(targets), np.int64))


def counting_threads() -> ThreadPoolExecutor:
    """Return a thread for each core, whose products are those of one thread: ranks do not depend on how many there are.

    To be used for several tables: the system's allocator keeps memory for every thread that there ever was.
    """
    return ThreadPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,))


def _check_finite(scores: NDArray[np.float64], rows: range) -> None:
    if not np.isfinite(scores).all():
        raise NumericsError(
            f"Scores of items {rows.start:,} to {rows.stop - 1:,} are not finite. Check the weights for overflow."
        )
