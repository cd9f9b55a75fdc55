"""Steps of a command on stderr, for people who wait; nothing when stderr is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def step_bar(text: str, steps: Sequence[str]) -> Iterator[Callable[[str], None]]:
    """Show which step is under way, of how many.

    Args:
        text: what is being made.
        steps: all steps, in order; some may be left out.

    Yields:
        What to tell when a step begins: its name.
    """
    if not sys.stderr.isatty():
        yield lambda step: None
        return
    # Imported only for people, as in `spinner`.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    look = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*look, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(text, total=len(steps))
        yield lambda step: bars.update(task, description=f"{text}: {step}", completed=list(steps).index(step))
