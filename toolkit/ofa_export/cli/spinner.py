"""A sign of life on stderr for people who wait; nothing when stderr is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
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
