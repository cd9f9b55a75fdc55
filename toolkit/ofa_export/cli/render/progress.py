"""Progress on stderr, for people who wait: bars and spinners; only notes when stderr is not a terminal.

rich is imported when somebody watches: a command whose work is cached takes little longer than that import.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ofa_export.cli.render.console import rich_console
from ofa_export.foreign_text import shown
from ofa_export.support.progress_callback import ProgressCallback, no_progress

if TYPE_CHECKING:
    from rich.progress import TaskID
    from rich.text import Text


@contextmanager
def spinner(text: str) -> Iterator[None]:
    """Show that something is under way.

    Args:
        text: what.
    """
    if not sys.stderr.isatty():
        yield
        return
    with rich_console(stderr=True).status(_plain(text)):
        yield


@contextmanager
def planning_bar(text: str) -> Iterator[ProgressCallback]:
    """Show how many configurations are measured, then that graphs are being converted.

    Args:
        text: what is planned.

    Yields:
        The progress callback.
    """
    if not sys.stderr.isatty():
        yield no_progress
        return
    with rich_console(stderr=True).status(_plain(text)) as status:

        def progress(what: str, done: int, total: int) -> None:
            measuring = f"{what} configuration {done + 1} of {total}"
            status.update(_plain(f"{text}: {measuring if done < total else 'converting what may fit'}"))

        yield progress


@contextmanager
def step_bar(text: str, steps: Sequence[str]) -> Iterator[ProgressCallback]:
    """Show which step is under way, of how many.

    Args:
        text: what is being made.
        steps: all steps, in order; some may be left out.

    Yields:
        The progress callback, which takes the name of each step as it begins.
    """
    if not sys.stderr.isatty():
        yield no_progress
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    look = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*look, console=rich_console(stderr=True), transient=True) as bars:
        task = bars.add_task(shown(text), total=len(steps))

        def progress(what: str, done: int, total: int) -> None:
            bars.update(task, description=shown(f"{text}: {what}"), completed=list(steps).index(what))

        yield progress


@contextmanager
def fleet_bars() -> Iterator[ProgressCallback]:
    """Show a bar for each phase of a fleet.

    Yields:
        The progress callback.
    """
    if not sys.stderr.isatty():
        yield no_progress
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<10}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=rich_console(stderr=True)) as bars:
        tasks = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(shown(what), total=total)
            bars.update(tasks[what], completed=done)

        yield progress


class TrainingBars:
    """One bar per stage with the time left; notes above it."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._console = rich_console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description:<10}", markup=False),
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
            self._console.print(shown(what), soft_wrap=True)
            return
        if self._task is None or what != self._stage or done < self._done:
            self._task = self._bars.add_task(shown(what), total=total, completed=done)
        else:
            self._bars.update(self._task, total=total, completed=done)
        self._stage, self._done = what, done


def _plain(text: str) -> Text:
    """Return a text as a spinner takes it, to which a `str` is markup on every console."""
    from rich.text import Text

    return Text(shown(text))
