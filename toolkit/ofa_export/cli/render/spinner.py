"""A sign of life on stderr for people who wait; nothing when stderr is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
def planning_bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many configurations are measured, then that graphs are being converted.

    Args:
        text: what is planned.

    Yields:
        What to tell: how many are measured, of how many.
    """
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console

    with Console(stderr=True).status(text) as status:

        def tell(done: int, total: int) -> None:
            measuring = f"measuring configuration {done + 1} of {total}"
            status.update(f"{text}: {measuring if done < total else 'converting what may fit'}")

        yield tell
