"""The progress callback, which long work calls to report how far it is."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[str, int, int], None]
"""Takes what is being done, how many steps of it are done, and of how many; 0 of 0 where that is not known."""


def no_progress(what: str, done: int, total: int) -> None:
    """Report nothing: the progress callback of callers who do not watch."""
