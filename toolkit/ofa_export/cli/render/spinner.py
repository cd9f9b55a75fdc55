"""A sign of life on stderr for people who wait; nothing when stderr is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ofa_export.support.progress_callback import ProgressCallback, no_progress


@contextmanager
def spinner(text: str) -> Iterator[None]:
    """Show that something is under way.

    Args:
        text: what.
    """
    if not sys.stderr.isatty():
        yield
        return
    # Imported only for people: a command whose work is cached takes little longer than this import.
    from rich.console import Console

    with Console(stderr=True).status(text):
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
    from rich.console import Console

    with Console(stderr=True).status(text) as status:

        def progress(what: str, done: int, total: int) -> None:
            measuring = f"{what} configuration {done + 1} of {total}"
            status.update(f"{text}: {measuring if done < total else 'converting what may fit'}")

        yield progress
