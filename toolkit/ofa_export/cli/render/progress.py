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
        self._console.print(text)

    def progress(self, what: str, done: int, total: int) -> None:
        """Note what begins; a progress callback."""
        self.note(what)
