"""Full ranking over a catalogue whose scores do not fit in memory: some items at a time."""

from __future__ import annotations

import os
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from ofa_export.bundle.row_pieces import row_pieces
from ofa_export.bundle.table import Rows
from ofa_export.errors import NumericsError

USERS_AT_ONCE = 256
"""With one piece of the items, 4 MB of scores."""


class ItemTable(Protocol):
    """Item embeddings that can be read in pieces."""

    @property
    def items(self) -> int:
        """V, rows of the table."""

    def lookup(self, rows: Rows) -> NDArray[np.float32]:
        """Embeddings of some items, `[n, d]`."""

    def rows(self, rows: range) -> NDArray[np.float32]:
        """Embeddings of consecutive items, `[n, d]`."""


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
        """Embeddings of some items, `[n, d]`."""
        return self._values[rows]

    def rows(self, rows: range) -> NDArray[np.float32]:
        """Embeddings of consecutive items, `[n, d]`."""
        return self._values[rows.start : rows.stop]


def table_ranks(
    states: Float[Tensor, "B d"],
    table: ItemTable,
    targets: NDArray[np.integer[Any]],
    *,
    history: NDArray[np.integer[Any]] | None = None,
    workers: Executor,
) -> NDArray[np.int64]:
    """Rank of each target among all items, as `metrics.target_ranks` counts it, ties against the model.

    Args:
        states: [B, d], what an item's embedding is multiplied with to give its score.
        table: the items.
        targets: `[B]` row of the right answer.
        history: `[B, T]` rows that cannot be right and leave the ranking, padded with `PAD`. None ranks all items.
        workers: threads to count in, from `counting_threads`.

    Returns:
        `[B]`, from 1 to V.

    Raises:
        NumericsError: a score is not finite.
    """
    answers = torch.from_numpy(table.lookup(targets))
    left_out = targets[:, None] if history is None else np.column_stack([history, targets])

    def ahead(piece: slice) -> NDArray[np.int64]:
        """How many of some items stand before each target."""
        rows = range(piece.start, piece.stop)
        values, found = torch.from_numpy(table.rows(rows)), np.empty(len(targets), np.int64)
        for first in range(0, len(targets), USERS_AT_ONCE):
            some = slice(first, first + USERS_AT_ONCE)
            # In one product, so that an item with the target's own embedding gets the target's own score.
            own, scores = _scores(states[some], answers[some], values)
            _check_finite(scores, rows)
            before = scores >= own[:, None]
            user, place = np.nonzero((left_out[some] >= rows.start) & (left_out[some] < rows.stop))
            before[user, left_out[some][user, place] - rows.start] = False
            found[some] = before.sum(axis=1)
        return found

    counts = workers.map(ahead, row_pieces(table.items))
    return 1 + sum(counts, np.zeros(len(targets), np.int64))


def counting_threads() -> ThreadPoolExecutor:
    """A thread for each core, whose products are those of one thread: ranks do not depend on how many there are.

    To be used for several tables: the system's allocator keeps memory for every thread that there ever was.
    """
    return ThreadPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,))


def _scores(
    states: Float[Tensor, "B d"], answers: Float[Tensor, "B d"], values: Float[Tensor, "n d"]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Each user's score of their own answer `[B]`, and of all items `[B, n]`."""
    scores = (states @ torch.cat([answers, values]).T).numpy()
    return scores.diagonal(), scores[:, len(answers) :]


def _check_finite(scores: NDArray[np.float32], rows: range) -> None:
    if not np.isfinite(scores).all():
        raise NumericsError(
            f"Scores of items {rows.start:,} to {rows.stop - 1:,} are not finite. Check the weights for overflow."
        )
