"""Tasks whose worker dies, for `test_runners`; workers import it by its path."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path


def square(number: int) -> int:
    """A task that does what it should."""
    return number * number


def _dies_once(which: int, task: tuple[str, int]) -> int:
    """Kills its own process, unless some task has done so before."""
    marker, number = Path(task[0]), task[1]
    if number == which and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


# A fleet's tasks come with their store, too.
dies_once = partial(_dies_once, 2)


def dies(number: int) -> int:
    """Kills its own process every time."""
    os.kill(os.getpid(), signal.SIGKILL)
    return number
