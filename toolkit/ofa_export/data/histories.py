"""Histories: each user's items in time order, and the leave-one-out split of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ofa_export.data.recipe import HistoryRecipe
from ofa_export.errors import HistoryError, InteractionsError

Split = Literal["validation", "test"]
"""Which held-out position of a history is the target: the last but one, or the last."""

_COLD = 1
"""Second part of the seed that cold users are drawn with."""

PAD = -1
"""Item row that stands for "nothing here"; histories are padded on the left."""


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
        held_out: k.
        cold_users: users that training never sees, ascending.
    """

    item_keys: tuple[str, ...]
    user_keys: tuple[str, ...]
    rows: NDArray[np.int32]
    offsets: NDArray[np.int64]
    popularity: NDArray[np.int64]
    exclude_history: bool
    held_out: int = 1
    cold_users: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def cold(self) -> NDArray[np.bool_]:
        """Whether each user is kept out of training, `[U]`."""
        return np.isin(np.arange(self.users), self.cold_users)

    @property
    def shortest(self) -> int:
        """Items that a history needs for one to train on, k to validate on and k to test on."""
        return 2 * self.held_out + 1

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
        """The whole history of a user, oldest item first."""
        return self.rows[self.offsets[user] : self.offsets[user + 1]]

    def training_rows(self, user: int) -> NDArray[np.int32]:
        """The part of a user's history that may be trained on, oldest item first; nothing of a cold user's."""
        if user in self.cold_users:
            return self.rows[:0]
        sequence = self.sequence(user)
        return sequence[: -2 * self.held_out] if len(sequence) >= self.shortest else sequence


def build_histories(frame: pl.DataFrame, *, recipe: HistoryRecipe, seed: int) -> Histories:
    """Cuts interactions into histories.

    Args:
        frame: `user_id`, `item_id` and `timestamp`, as `read_interactions` returns them.
        recipe: which interactions count and how equal times are ordered.
        seed: of the order among equal times, where the recipe shuffles it.

    Returns:
        The histories; the same frame, recipe and seed give the same arrays.

    Raises:
        InteractionsError: too little is left to train on and to evaluate.
    """
    tie = np.random.default_rng(seed).permutation(frame.height) if recipe.ties == "shuffle" else np.arange(frame.height)
    ordered = frame.with_columns(tie=pl.Series(tie)).sort("user_id", "timestamp", "tie")
    if recipe.repeats == "first":
        ordered = ordered.unique(["user_id", "item_id"], keep="first", maintain_order=True)
    core = _core(ordered, recipe.min_count)
    if core["user_id"].n_unique() < 2 or core["item_id"].n_unique() < 2:
        raise InteractionsError(
            f"Of {frame['user_id'].n_unique():,} users and {frame['item_id'].n_unique():,} items, "
            f"{core['user_id'].n_unique()} and {core['item_id'].n_unique()} are left when each must have at least "
            f"{recipe.min_count} interactions (min_count). At least 2 of each are needed: lower min_count or add data."
        )
    user_keys, lengths = np.unique(core["user_id"].to_numpy(), return_counts=True)
    shortest = 2 * recipe.held_out + 1
    if lengths.max() < shortest:
        raise InteractionsError(
            f"The longest history has {lengths.max()} items, and {shortest} are needed: one to train on, "
            f"{recipe.held_out} to validate on and {recipe.held_out} to test on (held_out). Give longer histories."
        )
    drawn = np.random.default_rng((seed, _COLD)).permutation(len(user_keys))
    cold = np.sort(drawn[: round(recipe.cold_users * len(user_keys))])
    return _assemble(core, user_keys, np.concatenate([[0], np.cumsum(lengths)]), recipe, cold)


def _core(frame: pl.DataFrame, min_count: int) -> pl.DataFrame:
    """The largest part in which every user and every item has at least `min_count` rows."""
    while True:
        often = (pl.len().over("user_id") >= min_count) & (pl.len().over("item_id") >= min_count)
        kept = frame.filter(often)
        if kept.height == frame.height:
            return kept
        frame = kept


def _assemble(
    core: pl.DataFrame,
    user_keys: NDArray[np.object_],
    offsets: NDArray[np.int64],
    recipe: HistoryRecipe,
    cold: NDArray[np.int64],
) -> Histories:
    keys, codes = np.unique(core["item_id"].to_numpy(), return_inverse=True)
    lengths = np.diff(offsets)
    from_end = np.repeat(offsets[1:], lengths) - np.arange(len(codes))
    training = (from_end > 2 * recipe.held_out) | np.repeat(lengths < 2 * recipe.held_out + 1, lengths)
    training &= ~np.repeat(np.isin(np.arange(len(lengths)), cold), lengths)
    popularity = np.bincount(codes[training], minlength=len(keys))
    # Keys are sorted, so a stable sort breaks ties by key.
    order = np.argsort(-popularity, kind="stable")
    row_of_code = np.empty(len(keys), dtype=np.int32)
    row_of_code[order] = np.arange(len(keys), dtype=np.int32)
    return Histories(
        item_keys=tuple(str(key) for key in keys[order]),
        user_keys=tuple(str(key) for key in user_keys),
        rows=row_of_code[codes],
        offsets=offsets.astype(np.int64),
        popularity=popularity[order].astype(np.int64),
        exclude_history=recipe.repeats == "first",
        held_out=recipe.held_out,
        cold_users=cold,
    )


def left_pad(rows: NDArray[np.int32], history_length: int) -> NDArray[np.int32]:
    """The newest `history_length` rows, with `PAD` before them where there are fewer.

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


def held_out_items(histories: Histories, users: NDArray[np.int64], *, split: Split, history_length: int) -> HeldOut:
    """What users had seen before each of their held-out items, and that item.

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
