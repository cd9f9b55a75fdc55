"""Progress callback of a long stage."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the progress of a training run."""

    def start(self, stage: str, *, steps: int, done: int) -> None:
        """Return a stage of `steps` steps begins, `done` of them from an earlier run."""

    def advance(self, *, steps: int) -> None:
        """More steps of the current stage are done."""

    def note(self, text: str) -> None:
        """Return a sentence about the current stage, for example its validation NDCG@10."""


class Silent:
    """Tells nobody."""

    def start(self, stage: str, *, steps: int, done: int) -> None:
        """Ignore it."""

    def advance(self, *, steps: int) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""
