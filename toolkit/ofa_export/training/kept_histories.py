"""The validation histories that a checkpoint keeps: those of people, ones that nobody has, or none of anybody's.

What they are for stays the same: `plan` promises quality on them, `validate` compares on them. For those who must not
store what people did (docs/privacy.md):

- `synthetic` histories are walks along transitions that several people share, so no step of one is a single person's;
- with `none`, items are drawn evenly, and the right answer is what the trained net ranks first: quality then means
  agreement with that net, and says nothing of people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ofa_export.data.histories import Histories, left_pad
from ofa_export.errors import InteractionsError
from ofa_export.model.checkpoint import ValidationSet
from ofa_export.model.checkpoint_folder import HistoryKind
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.ranking.scoring import score_histories

SHARED = 5
"""People who must have a transition, an item or a length before a synthetic history may use it (our choice)."""

SCORES = 2**26
"""Scores held at a time, a quarter of a gigabyte."""

SAID: dict[HistoryKind, str] = {
    "synthetic": (
        f"The checkpoint keeps no history of a person: its validation histories are walks along transitions that at "
        f"least {SHARED} people share. The quality that plan and bundles promise is measured on them: it compares "
        "bundles with each other, and does not say how well people are served."
    ),
    "none": (
        "The checkpoint keeps no history of a person: validation histories are drawn, and their right answers are what "
        "the trained net ranks first. The quality that plan and bundles promise is agreement with that net (1 is full "
        "agreement), and does not say how well people are served."
    ),
}
"""What a kind means for whoever trains."""


def kept_histories(
    kind: HistoryKind,
    real: ValidationSet,
    histories: Histories,
    model: AdaptiveRecommender,
    *,
    user_groups: NDArray[np.int32],
    seed: tuple[int, ...],
) -> ValidationSet:
    """Return the validation histories that go into a checkpoint, as many for each user group as there are real ones.

    Args:
        kind: what they are.
        real: histories of people, which the run itself was measured on.
        histories: the data set.
        model: the trained network.
        user_groups: int32 [U], user group of each user.
        seed: of what is drawn.

    Raises:
        InteractionsError: `synthetic`, and too little is shared by several people.
    """
    if kind == "real":
        return real
    rng, T = np.random.default_rng(seed), model.config.history_length
    rows, targets, groups = [], [], []
    for group in np.unique(real.user_groups):
        count = int((real.user_groups == group).sum())
        if kind == "synthetic":
            walks = _Walks.of(histories, np.flatnonzero(user_groups == group), history_length=T)
            drawn = [walks.draw(rng) for _ in range(count)]
            made, answers = np.array([left_pad(walk[:-1], T) for walk in drawn]), [walk[-1] for walk in drawn]
        else:
            made = np.array([left_pad(items, T) for items in _evenly(histories, count, T, rng)])
            answers = _first_ranked(model, int(group), made, exclude_history=histories.exclude_history)
        rows.append(made)
        targets.append(np.asarray(answers, np.int32))
        groups.append(np.full(count, group, np.int32))
    return ValidationSet(
        histories=np.concatenate(rows), targets=np.concatenate(targets), user_groups=np.concatenate(groups)
    )


def kept_centroids(
    kind: HistoryKind, centroids: NDArray[np.float32], user_groups: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Return the means of user groups that go into a checkpoint: that of one person is what the net made of a history.

    Args:
        kind: of the validation histories.
        centroids: float32 [G_u, d].
        user_groups: int32 [U], user group of each user.

    Returns:
        The same for `real`; else zeros for groups of fewer than `SHARED` people.
    """
    if kind == "real":
        return centroids
    several = np.bincount(user_groups, minlength=len(centroids)) >= SHARED
    return np.where(several[:, None], centroids, np.float32(0))


@dataclass(frozen=True, kw_only=True)
class _Walks:
    """Random walks along what several people share.

    Args:
        successors: item row -> the rows that may follow, and how many people have each.
        items: rows that several people have.
        people: how many have each of them.
        lengths: of histories that several people have, with the next item; where no length is shared, all lengths that
            several people reach.
        repeats: whether an item may come again.
    """

    successors: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]]
    items: NDArray[np.int64]
    people: NDArray[np.int64]
    lengths: NDArray[np.int64]
    repeats: bool

    @classmethod
    def of(cls, histories: Histories, users: NDArray[np.int64], *, history_length: int) -> _Walks:
        """Count what the training parts of some users share; of a group that shares too little, those of all users."""
        V, parts = histories.items, [histories.training_rows(int(user)).astype(np.int64) for user in users]
        parts = [part for part in parts if len(part)] or [np.empty(0, np.int64)]
        items, people = _shared([np.unique(part) for part in parts])
        if len(items) < 2:
            if len(users) < histories.users:
                return cls.of(histories, np.arange(histories.users), history_length=history_length)
            raise InteractionsError(
                f"Fewer than two items are in the histories of {SHARED} people or more, so no synthetic history can be "
                "drawn. Use --validation-histories none."
            )
        steps, counts = _shared([np.unique(part[:-1] * V + part[1:]) for part in parts])
        starts = np.split(np.arange(len(steps)), np.flatnonzero(np.diff(steps // V)) + 1) if len(steps) else []
        sizes = np.minimum([len(part) + 1 for part in parts], min(history_length + 1, len(items)))
        lengths, sharing = np.unique(sizes, return_counts=True)
        usual = np.repeat(lengths, np.where(sharing >= SHARED, sharing, 0))
        return cls(
            successors={int(steps[own[0]] // V): (steps[own] % V, counts[own]) for own in starts},
            items=items,
            people=people,
            lengths=usual if len(usual) else np.arange(2, int(np.sort(sizes)[-SHARED]) + 1),
            repeats=not histories.exclude_history,
        )

    def draw(self, rng: np.random.Generator) -> NDArray[np.int32]:
        """Draw a history and its next item, int32 [n + 1]; where no step goes on, an item that several people have."""
        walk: list[int] = []
        for _ in range(int(rng.choice(self.lengths))):
            rows, people = self.successors.get(walk[-1] if walk else -1, (self.items[:0], self.people[:0]))
            if not self.repeats:
                rows, people = _others(rows, people, walk)
            if not len(rows):
                rows, people = (self.items, self.people) if self.repeats else _others(self.items, self.people, walk)
            walk.append(int(rng.choice(rows, p=people / people.sum())))
        return np.array(walk, np.int32)


def _others(
    rows: NDArray[np.int64], people: NDArray[np.int64], walk: list[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    new = ~np.isin(rows, walk)
    return rows[new], people[new]


def _shared(parts: list[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return values that enough parts have, ascending, and how many parts have each."""
    values, counts = np.unique(np.concatenate(parts), return_counts=True)
    return values[counts >= SHARED], counts[counts >= SHARED]


def _evenly(histories: Histories, count: int, T: int, rng: np.random.Generator) -> Iterator[NDArray[np.int32]]:
    """Draw histories of all lengths; one item is left to be the answer."""
    longest = T if not histories.exclude_history else min(T, histories.items - 1)
    for length in np.linspace(1, longest, count).round().astype(int):
        drawn = rng.choice(histories.items, length, replace=not histories.exclude_history)
        yield drawn.astype(np.int32)


def _first_ranked(
    model: AdaptiveRecommender, group: int, rows: NDArray[np.int32], *, exclude_history: bool
) -> list[int]:
    """Return the item that the network ranks first for each history."""
    found: list[int] = []
    step = max(1, SCORES // model.config.items)
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        scores, _ = score_histories(model, model.adapt, model.tables[group].detach(), part)
        if exclude_history:
            for score, row in zip(scores, part, strict=True):
                score[row[row >= 0]] = -np.inf
        found += scores.argmax(axis=1).tolist()
    return found
