"""Kinds of users for whom adapting may pay more or less than for the average one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ofa_export.data.histories import Histories

RECENT = 0.25
"""Share of a history that counts as recent when a shift of interest is measured."""


MOST_KINDS = 8
"""More different beginnings of user keys than this are no kinds of users."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Segment:
    """Some of the evaluated users.

    Args:
        trait: what tells users apart.
        label: which of them these are.
        members: bool `[U]`.
    """

    trait: str
    label: str
    members: NDArray[np.bool_]


def user_segments(histories: Histories, users: NDArray[np.int64], table: NDArray[np.float32]) -> tuple[Segment, ...]:
    """Thirds of the users by length, breadth and shift of what they did before the validation items (our choice).

    Where user keys have the form `KIND-…` with a handful of kinds, each kind is a segment too; so are cold users.

    Args:
        histories: the data set.
        users: `[U]`.
        table: `[V, d]`, what says which items are alike.
    """
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    unit = table / np.where(norms > 0, norms, 1)
    seen = [histories.sequence(int(user))[: -2 * histories.held_out] for user in users]
    traits = (
        ("items in the history", ("fewest", "middle", "most"), lambda rows: float(len(rows))),
        ("breadth of interests", ("narrow", "middle", "broad"), lambda rows: _breadth(unit[rows])),
        ("recent shift of interest", ("least", "middle", "most"), lambda rows: _shift(unit[rows])),
    )
    segments = [segment for trait, labels, value in traits for segment in _thirds(trait, labels, value, seen)]
    kinds = [histories.user_keys[user].partition("-")[0] for user in users]
    if all("-" in histories.user_keys[user] for user in users) and 1 < len(set(kinds)) <= MOST_KINDS:
        segments += [
            Segment(trait="kind in the key", label=kind, members=np.array(kinds) == kind) for kind in sorted(set(kinds))
        ]
    if histories.cold.any():
        cold = histories.cold[users]
        segments.append(Segment(trait="in training", label="no (cold)", members=cold))
        segments.append(Segment(trait="in training", label="yes", members=~cold))
    return tuple(segments)


def _thirds(
    trait: str,
    labels: tuple[str, str, str],
    value: Callable[[NDArray[np.int32]], float],
    seen: list[NDArray[np.int32]],
) -> list[Segment]:
    values = np.array([value(rows) for rows in seen])
    third = np.argsort(np.argsort(values, kind="stable")) * 3 // max(1, len(values))
    return [Segment(trait=trait, label=label, members=third == index) for index, label in enumerate(labels)]


def _breadth(vectors: NDArray[np.floating[Any]]) -> float:
    """1 minus the mean cosine between the items of a history."""
    n = len(vectors)
    if n < 2:
        return 0.0
    total = float(np.square(vectors.sum(axis=0)).sum())
    return 1 - (total - n) / (n * (n - 1))


def _shift(vectors: NDArray[np.floating[Any]]) -> float:
    """1 minus the cosine between the recent quarter of a history and what came before."""
    recent = max(1, round(RECENT * len(vectors)))
    if recent >= len(vectors):
        return 0.0
    before, after = vectors[:-recent].mean(axis=0), vectors[-recent:].mean(axis=0)
    return 1 - float(before @ after) / float(np.linalg.norm(before) * np.linalg.norm(after) + 1e-12)
