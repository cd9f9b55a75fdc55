"""Progress on stderr: bars and spinners for people, nothing when stderr is not a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

ERRORS = Console(stderr=True)


@contextmanager
def spinner(text: str) -> Iterator[None]:
    """Show that something is under way.

    Args:
        text: what.
    """
    if not ERRORS.is_terminal:
        yield
        return
    with ERRORS.status(text):
        yield


class TrainingBars:
    """One bar per stage with the time left; notes above it. Without a terminal, only the notes."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=ERRORS,
            disable=not ERRORS.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> TrainingBars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def start(self, stage: str, *, steps: int, done: int) -> None:
        """See `training.progress.Progress`."""
        self._task = self._bars.add_task(stage, total=steps, completed=done)

    def advance(self, *, steps: int) -> None:
        """See `training.progress.Progress`."""
        if self._task is not None:
            self._bars.advance(self._task, steps)

    def note(self, text: str) -> None:
        """See `training.progress.Progress`."""
        ERRORS.print(text, highlight=False)
