"""Recipe by which interactions become histories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from ofa_export.errors import ConfigError, UnknownNameError

SAMPLE_NAMES = ("online-retail", "planted", "planted-mixed")
"""Packaged data sets; `data.sample` loads them."""

Split = Literal["validation", "test"]
"""Which held-out position of a history is the target: the last but one, or the last."""

Repeats = Literal["first", "all"]
Ties = Literal["shuffle", "file"]


def shortest_history(held_out: int) -> int:
    """Return items that a history needs for one to train on, k to validate on and k to test on.

    Args:
        held_out: k.
    """
    return 2 * held_out + 1


def check_split(split: str) -> None:
    """Refuse what is no split.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if split not in get_args(Split):
        raise UnknownNameError("split", split, get_args(Split))


@dataclass(frozen=True, kw_only=True)
class HistoryRecipe:
    """Which interactions count, and how those of equal time are ordered.

    Args:
        min_count: interactions that every user and every item must have; applied until nothing changes (k-core).
        repeats: "first" keeps the first interaction of each user with each item, "all" keeps every one.
        ties: order among equal times: "shuffle" by seed, because a file sorted by item leaks the answer; "file" only
            where the order of rows is real.
        held_out: k, the last k items of a history are test, the k before them validation; 1 is leave-one-out.
        cold_users: share of users that training never sees, drawn by seed; they are evaluated like the others.

    Raises:
        ConfigError: `min_count` or `held_out` is below 1, or `cold_users` is not a share.
        UnknownNameError: `repeats` or `ties` is none of the above.
    """

    min_count: int = 5
    repeats: Repeats = "first"
    ties: Ties = "shuffle"
    held_out: int = 1
    cold_users: float = 0.0

    @property
    def shortest(self) -> int:
        """See `shortest_history`."""
        return shortest_history(self.held_out)

    def __post_init__(self) -> None:
        if self.min_count < 1:
            raise ConfigError(f"min_count is {self.min_count}; it must be 1 or more (1 keeps everyone).")
        if self.held_out < 1:
            raise ConfigError(f"held_out is {self.held_out}; it must be 1 or more (1 is leave-one-out).")
        if not 0 <= self.cold_users < 1:
            raise ConfigError(f"cold_users is {self.cold_users}; it must be a share from 0 to less than 1.")
        for kind, given, choices in (("repeats", self.repeats, Repeats), ("ties", self.ties, Ties)):
            if given not in get_args(choices):
                raise UnknownNameError(kind, given, get_args(choices))


@dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """Rules for reading files and for making histories of their interactions.

    Args:
        histories: which interactions count.
        columns: our name of a column -> its name in the files; columns that are not named keep ours.
    """

    histories: HistoryRecipe = field(default_factory=HistoryRecipe)
    columns: Mapping[str, str] = field(default_factory=dict)
