"""Histories: each user's items in time order, and the leave-one-out split of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ofa_export.data.data_recipe import HistoryRecipe, Split, shortest_history
from ofa_export.data.sorted_interactions import ORDERED, SortedInteractions, sort_interactions
from ofa_export.errors import HistoryError, InteractionsError

PAD = -1
"""Item row that stands for "nothing here"; histories are padded on the left."""

ROWS = "rows.int32"
"""File of `Histories.rows` in a folder of histories."""

_COLD = 1
"""Second part of the seed that cold users are drawn with."""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Counts of what is in a file and in no history.

    Args:
        repeated_rows: interactions that repeat an earlier one exactly, with its time.
        repeats: interactions of a user with an item that the user had before.
        rare_users: users with fewer than `min_count` of the remaining interactions.
        rare_items: items with fewer.
        rare_interactions: theirs.
    """

    repeated_rows: int = 0
    repeats: int = 0
    rare_users: int = 0
    rare_items: int = 0
    rare_interactions: int = 0


@dataclass(frozen=True, kw_only=True)
class Histories:
    """All histories of a data set: the last k items test, the k before them validation, the rest training.

    With k = 1 that is leave-one-out. Histories of fewer than `shortest` items hold nothing out and are training data
    as a whole.

    Args:
        item_keys: `[V]` key of each item row; most popular first, ties by key.
        user_keys: `[U]` key of each user, sorted.
        rows: `[n]` item rows, all histories one after another, each in time order.
        offsets: `[U+1]` history u is `rows[offsets[u]:offsets[u+1]]`.
        popularity: `[V]` occurrences of each item in the training part.
        exclude_history: items of the visible history are never right answers, so rankings leave them out.
        left_out: what is in no history.
        tied: neighbours in histories that have equal times.
        held_out: k.
        cold_users: users that training never sees, ascending.
    """

    item_keys: tuple[str, ...]
    user_keys: tuple[str, ...]
    rows: NDArray[np.int32]
    offsets: NDArray[np.int64]
    popularity: NDArray[np.int64]
    exclude_history: bool
    left_out: LeftOut = field(default_factory=LeftOut)
    tied: int = 0
    held_out: int = 1
    cold_users: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @cached_property
    def cold(self) -> NDArray[np.bool_]:
        """True for each user who is kept out of training, `[U]`."""
        return np.isin(np.arange(self.users), self.cold_users)

    @property
    def shortest(self) -> int:
        """See `shortest_history`."""
        return shortest_history(self.held_out)

    @cached_property
    def training_lengths(self) -> NDArray[np.int64]:
        """Items of each history that may be trained on, from its start, `[U]`."""
        return _training_lengths(np.diff(self.offsets), held_out=self.held_out, cold_users=self.cold_users)

    @property
    def users(self) -> int:
        """U, number of users."""
        return len(self.user_keys)

    @property
    def items(self) -> int:
        """V, number of items."""
        return len(self.item_keys)

    @property
    def evaluation_users(self) -> NDArray[np.int64]:
        """Users whose history is long enough to hold items out, ascending."""
        return np.flatnonzero(np.diff(self.offsets) >= self.shortest)

    def sequence(self, user: int) -> NDArray[np.int32]:
        """Return the whole history of a user, oldest item first."""
        return self.rows[self.offsets[user] : self.offsets[user + 1]]

    def training_rows(self, user: int) -> NDArray[np.int32]:
        """Return the part of a user's history that may be trained on, oldest item first; nothing of a cold user's."""
        return self.sequence(user)[: self.training_lengths[user]]


def _training_lengths(lengths: NDArray[np.int64], *, held_out: int, cold_users: NDArray[np.int64]) -> NDArray[np.int64]:
    """All but the held-out items; all of a history that is too short to hold any out; nothing of a cold user's."""
    kept = np.where(lengths >= shortest_history(held_out), lengths - 2 * held_out, lengths)
    kept[cold_users] = 0
    return kept


def build_histories(
    interactions: pl.DataFrame | pl.LazyFrame, *, recipe: HistoryRecipe, seed: int, folder: Path | None = None
) -> Histories:
    """Cut interactions into histories.

    Args:
        interactions: `user_id`, `item_id` and `timestamp`, as `load_dataset` gives them; exact repetitions of an
            earlier row do not count.
        recipe: which interactions count and how equal times are ordered.
        seed: of the order among equal times, where the recipe shuffles it.
        folder: an existing folder that keeps the rows, so that they need not fit in memory; None reads them in.

    Returns:
        The histories; the same interactions, recipe and seed give the same arrays.

    Raises:
        InteractionsError: too little is left to train on and to evaluate.
    """
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        ordered = sort_interactions(interactions.lazy(), recipe=recipe, seed=seed, folder=Path(scratch))
        users, items = _core(ordered, recipe.min_count)
        if np.count_nonzero(users) < 2 or np.count_nonzero(items) < 2:
            raise InteractionsError(
                f"Of {len(users):,} users and {len(items):,} items, {np.count_nonzero(users)} and "
                f"{np.count_nonzero(items)} are left when each must have at least {recipe.min_count} interactions "
                "(min_count). At least 2 of each are needed: lower min_count or add data."
            )
        if users.max() < recipe.shortest:
            raise InteractionsError(
                f"The longest history has {users.max()} items, and {recipe.shortest} are needed: one to train "
                f"on, {recipe.held_out} to validate on and {recipe.held_out} to test on (held_out). Give longer "
                "histories."
            )
        drawn = np.random.default_rng((seed, _COLD)).permutation(np.count_nonzero(users))
        cold = np.sort(drawn[: round(recipe.cold_users * len(drawn))])
        return _assemble(ordered, users, items, folder, recipe=recipe, cold=cold)


def mapped_rows(folder: Path) -> NDArray[np.int32]:
    """`Histories.rows` that `build_histories` has left in a folder; only what is looked at comes into memory."""
    return np.asarray(np.memmap(folder / ROWS, np.int32, "r"))


def _core(ordered: SortedInteractions, min_count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows of each user and item in the largest part in which each has none or at least `min_count`."""
    kept_users, kept_items = np.ones(len(ordered.user_keys), bool), np.ones(len(ordered.item_keys), bool)
    while True:
        users, items = np.zeros(len(kept_users), np.int64), np.zeros(len(kept_items), np.int64)
        for block in ordered.blocks():
            kept = block[kept_users[block["user"]] & kept_items[block["item"]]]
            users += np.bincount(kept["user"], minlength=len(users))
            items += np.bincount(kept["item"], minlength=len(items))
        if ((users >= min_count) == kept_users).all() and ((items >= min_count) == kept_items).all():
            return users, items
        kept_users, kept_items = users >= min_count, items >= min_count


def _assemble(
    ordered: SortedInteractions,
    users: NDArray[np.int64],
    items: NDArray[np.int64],
    folder: Path | None,
    *,
    recipe: HistoryRecipe,
    cold: NDArray[np.int64],
) -> Histories:
    lengths = users[users > 0]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    user_of_code, item_of_code = np.cumsum(users > 0) - 1, np.cumsum(items > 0) - 1
    popularity = np.zeros(np.count_nonzero(items), np.int64)
    training_ends = offsets[:-1] + _training_lengths(lengths, held_out=recipe.held_out, cold_users=cold)
    first = 0
    for block in _kept(ordered, users, items):
        training = np.arange(first, first + len(block)) < training_ends[user_of_code[block["user"]]]
        popularity += np.bincount(item_of_code[block["item"]][training], minlength=len(popularity))
        first += len(block)
    # Keys are sorted, so a stable sort breaks ties by key.
    order = np.argsort(-popularity, kind="stable")
    row_of_item = np.empty(len(popularity), np.int32)
    row_of_item[order] = np.arange(len(popularity), dtype=np.int32)
    home = ordered.path.parent if folder is None else folder
    with (home / ROWS).open("wb") as file:
        for block in _kept(ordered, users, items):
            row_of_item[item_of_code[block["item"]]].tofile(file)
    return Histories(
        item_keys=tuple(ordered.item_keys.filter(pl.Series(items > 0))[order].to_list()),
        user_keys=tuple(ordered.user_keys.filter(pl.Series(users > 0)).to_list()),
        rows=np.fromfile(home / ROWS, np.int32) if folder is None else mapped_rows(folder),
        offsets=offsets.astype(np.int64),
        popularity=popularity[order],
        exclude_history=recipe.repeats == "first",
        left_out=LeftOut(
            repeated_rows=ordered.repeated_rows,
            repeats=ordered.repeats,
            rare_users=int(np.count_nonzero(users == 0)),
            rare_items=int(np.count_nonzero(items == 0)),
            rare_interactions=ordered.count - int(offsets[-1]),
        ),
        tied=_tied(_kept(ordered, users, items)),
        held_out=recipe.held_out,
        cold_users=cold,
    )


def _kept(
    ordered: SortedInteractions, users: NDArray[np.int64], items: NDArray[np.int64]
) -> Iterator[NDArray[np.void]]:
    """Return the rows of users and items that have any, some at a time."""
    for block in ordered.blocks():
        yield block[(users[block["user"]] > 0) & (items[block["item"]] > 0)]


def _tied(blocks: Iterator[NDArray[np.void]]) -> int:
    """Count the rows that have the same user and moment as the row before."""
    count, last = 0, np.empty(0, ORDERED)
    for block in blocks:
        rows = np.concatenate([last, block])
        same = (rows["user"][1:] == rows["user"][:-1]) & (rows["moment"][1:] == rows["moment"][:-1])
        count, last = count + int(np.count_nonzero(same)), rows[-1:]
    return count


def left_pad(rows: NDArray[np.int32], history_length: int) -> NDArray[np.int32]:
    """Return the newest `history_length` rows, with `PAD` before them where there are fewer.

    Args:
        rows: `[n]` item rows, oldest first.
        history_length: T.

    Returns:
        `[T]`.
    """
    padded = np.full(history_length, PAD, dtype=np.int32)
    newest = rows[max(0, len(rows) - history_length) :]
    padded[history_length - len(newest) :] = newest
    return padded


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Held-out items and what their users had seen before each of them.

    Args:
        users: int64 `[B]`, whose they are; a user's k positions lie behind each other, oldest first.
        history: int32 `[B, T]`, padded on the left.
        targets: int32 `[B]`.
    """

    users: NDArray[np.int64]
    history: NDArray[np.int32]
    targets: NDArray[np.int32]

    @property
    def lengths(self) -> NDArray[np.int32]:
        """Real items of each history, int32 `[B]`, 1 to T."""
        lengths: NDArray[np.int32] = np.sum(self.history != PAD, axis=1, dtype=np.int32)
        return lengths

    def of_users(self, users: NDArray[np.int64]) -> HeldOut:
        """Return the positions of some users only, in the same order."""
        mine = np.isin(self.users, users)
        return HeldOut(users=self.users[mine], history=self.history[mine], targets=self.targets[mine])


def held_out_items(histories: Histories, users: NDArray[np.int64], *, split: Split, history_length: int) -> HeldOut:
    """Return what users had seen before each of their held-out items, and that item.

    Args:
        histories: the data set.
        users: `[U]` users, of `histories.evaluation_users`.
        split: "validation" or "test"; a history holds everything before its target, held-out items among it.
        history_length: T.

    Returns:
        k positions of each user, `[U * k]`.

    Raises:
        HistoryError: a user's history is too short to hold anything out.
    """
    k = histories.held_out
    seen = [histories.sequence(int(user)) for user in users]
    short = [
        histories.user_keys[user] for user, rows in zip(users, seen, strict=True) if len(rows) < histories.shortest
    ]
    if short:
        raise HistoryError(
            f"The history of user {short[0]!r} has fewer than {histories.shortest} items, so nothing is held out. "
            "Evaluate users of Histories.evaluation_users."
        )
    first = 2 * k if split == "validation" else k
    ends = [(rows, len(rows) - back) for rows in seen for back in range(first, first - k, -1)]
    history = [left_pad(rows[:end], history_length) for rows, end in ends]
    return HeldOut(
        users=np.repeat(np.asarray(users, np.int64), k),
        history=np.array(history, np.int32).reshape(-1, history_length),
        targets=np.array([rows[end] for rows, end in ends], np.int32),
    )
