"""Interactions as numbers on the disk, in the order of histories; more than fits in memory is sorted in pieces.

Keys become codes, rows are dealt into pieces of whole users, and each piece is sorted in memory. Memory grows with
users and items, by their keys and a few bytes each, and hardly with interactions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ofa_export.data.data_recipe import HistoryRecipe

BLOCK = 2**20
"""Rows that are in memory at a time; those of one user are, however many."""

PAIR = np.dtype([("user", np.uint32), ("item", np.uint32)])
"""Codes of user and item."""

ORDERED = np.dtype([*PAIR.descr, ("moment", np.uint32)])
"""A row of the sorted file; a user's rows of equal time have the same moment, and no others do."""


@dataclass(frozen=True, kw_only=True)
class SortedInteractions:
    """Interactions by user and time, in a file.

    Args:
        path: the file, one `ORDERED` after another.
        user_keys: key of each user code, sorted.
        item_keys: key of each item code, sorted.
        repeated_rows: rows left out because an earlier one has the same user, item and time.
        repeats: rows left out because their user had the item before.
    """

    path: Path
    user_keys: pl.Series
    item_keys: pl.Series
    repeated_rows: int
    repeats: int

    @property
    def count(self) -> int:
        """Number of rows."""
        return self.path.stat().st_size // ORDERED.itemsize

    def blocks(self) -> Iterator[NDArray[np.void]]:
        """Return all rows in order, some at a time."""
        with self.path.open("rb") as file:
            while len(block := np.fromfile(file, ORDERED, BLOCK)):
                yield block


def sort_interactions(rows: pl.LazyFrame, *, recipe: HistoryRecipe, seed: int, folder: Path) -> SortedInteractions:
    """Sort interactions by user, time and, among equal times, as the recipe says.

    Args:
        rows: `user_id`, `item_id` and `timestamp`; exact repetitions of an earlier row are left out.
        recipe: order among equal times, and whether a user's repetitions of an item count.
        seed: of the order among equal times, where the recipe shuffles it.
        folder: for the file and what it is made from; the caller removes it.
    """
    user_keys, item_keys = _keys(rows, "user_id"), _keys(rows, "item_id")
    whole = rows.collect_schema()["timestamp"].is_integer()
    codes = rows.select(
        pl.col("user_id").cast(pl.Enum(user_keys)).to_physical().cast(pl.UInt32).alias("user"),
        pl.col("item_id").cast(pl.Enum(item_keys)).to_physical().cast(pl.UInt32).alias("item"),
        pl.col("timestamp").cast(pl.Int64 if whole else pl.Float64).alias("time"),
    )
    codes.sink_parquet(folder / "codes.parquet")
    row = np.dtype([("row", np.int64), *PAIR.descr, ("time", np.int64 if whole else np.float64)])
    pieces = _deal(folder, row, users=len(user_keys))
    repeated = np.sort(
        np.concatenate([np.empty(0, np.int64), *(_repetitions(np.fromfile(piece, row)) for piece in pieces)])
    )
    count = sum(piece.stat().st_size for piece in pieces) // row.itemsize
    distinct = count - len(repeated)
    ties = _ties(distinct, seed, folder) if recipe.ties == "shuffle" else None
    path = folder / "sorted"
    with path.open("wb") as file:
        for piece in pieces:
            _sorted(np.fromfile(piece, row), repeated, ties, once=recipe.repeats == "first").tofile(file)
            piece.unlink()
    return SortedInteractions(
        path=path,
        user_keys=user_keys,
        item_keys=item_keys,
        repeated_rows=len(repeated),
        repeats=distinct - path.stat().st_size // ORDERED.itemsize,
    )


def _keys(rows: pl.LazyFrame, column: str) -> pl.Series:
    return rows.select(pl.col(column).unique()).collect(engine="streaming").to_series().sort()


def _blocks(folder: Path) -> Iterator[pl.DataFrame]:
    codes, first = pl.scan_parquet(folder / "codes.parquet"), 0
    while (block := codes.slice(first, BLOCK).collect()).height:
        yield block
        first += block.height


def _deal(folder: Path, row: np.dtype[np.void], *, users: int) -> list[Path]:
    """Files of rows in order of `row`, each with all rows of some users; users ascend from file to file."""
    counts = np.zeros(users, np.int64)
    for block in _blocks(folder):
        counts += np.bincount(block["user"].to_numpy(), minlength=users)
    piece_of_user = (np.cumsum(counts) - counts) // BLOCK
    first = 0
    for block in _blocks(folder):
        dealt = np.empty(block.height, row)
        dealt["row"] = np.arange(first, first + block.height)
        for name in block.columns:
            dealt[name] = block[name].to_numpy()
        first += block.height
        pieces = piece_of_user[dealt["user"]]
        found, starts = np.unique(np.sort(pieces), return_index=True)
        for piece, part in zip(found, np.split(dealt[np.argsort(pieces, kind="stable")], starts[1:]), strict=True):
            with (folder / f"piece-{piece}").open("ab") as file:
                part.tofile(file)
    (folder / "codes.parquet").unlink()
    return [folder / f"piece-{piece}" for piece in np.unique(piece_of_user)]


def _repetitions(rows: NDArray[np.void]) -> NDArray[np.int64]:
    """Return numbers of the rows that repeat an earlier one of the piece exactly."""
    ordered = rows[np.lexsort((rows["time"], rows["item"], rows["user"]))]
    same = np.ones(max(0, len(ordered) - 1), bool)
    for name in ("user", "item", "time"):
        same &= ordered[name][1:] == ordered[name][:-1]
    found: NDArray[np.int64] = ordered["row"][1:][same]
    return found


def _ties(count: int, seed: int, folder: Path) -> NDArray[np.int64]:
    """Return a permutation of all rows, in a mapped file: what `default_rng(seed).permutation(count)` is in memory."""
    ties = np.asarray(np.memmap(folder / "ties", np.int64, "w+", shape=(max(count, 1),)))[:count]
    for first in range(0, count, BLOCK):
        ties[first : first + BLOCK] = np.arange(first, min(first + BLOCK, count))
    np.random.default_rng(seed).shuffle(ties)
    return ties


def _sorted(
    rows: NDArray[np.void], repeated: NDArray[np.int64], ties: NDArray[np.int64] | None, *, once: bool
) -> NDArray[np.void]:
    """Return the piece's users and items in the order of histories."""
    before = np.searchsorted(repeated, rows["row"])
    unique = np.append(repeated, -1)[before] != rows["row"]
    rows, position = rows[unique], (rows["row"] - before)[unique]
    order = np.lexsort((position if ties is None else ties[position], rows["time"], rows["user"]))
    pairs, time = np.empty(len(rows), ORDERED), rows["time"][order]
    pairs["user"], pairs["item"] = rows["user"][order], rows["item"][order]
    pairs["moment"][1:] = np.cumsum((time[1:] != time[:-1]) | (pairs["user"][1:] != pairs["user"][:-1]))
    pairs["moment"][:1] = 0
    if not once:
        return pairs
    _, earliest = np.unique(pairs["user"].astype(np.uint64) << np.uint64(32) | pairs["item"], return_index=True)
    return pairs[np.sort(earliest)]
