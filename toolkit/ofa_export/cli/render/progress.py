"""Progress of training on stderr: bars for people, only the notes when stderr is not a terminal."""

from __future__ import annotations

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


class TrainingBars:
    """One bar per stage with the time left; notes above it."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._bars = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._stage, self._done = "", 0

    def __enter__(self) -> TrainingBars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show how far a stage is, or print a sentence; a progress callback."""
        if not total:
            self._console.print(what)
            return
        if self._task is None or what != self._stage or done < self._done:
            self._task = self._bars.add_task(what, total=total, completed=done)
        else:
            self._bars.update(self._task, completed=done)
        self._stage, self._done = what, done
