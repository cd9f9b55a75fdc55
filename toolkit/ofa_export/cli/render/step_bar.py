"""Steps of a command on stderr, for people who wait; nothing when stderr is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ofa_export.support.progress_callback import ProgressCallback, no_progress


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
    # Imported only for people, as in `spinner`.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    look = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*look, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(text, total=len(steps))

        def progress(what: str, done: int, total: int) -> None:
            bars.update(task, description=f"{text}: {what}", completed=list(steps).index(what))

        yield progress
