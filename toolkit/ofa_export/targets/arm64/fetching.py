"""Tools that fetch published packages, and their errors in words that a user can act on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from ofa_export.errors import MissingToolError

FETCH_SECONDS = 900
LAST_LINES = 3


def run_fetching(command: Sequence[str], *, what: str) -> None:
    """Run a tool to its end.

    Args:
        command: its name and arguments.
        what: it does, for a person: "fetch wheels".

    Raises:
        MissingToolError: it failed, or took too long.
    """
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise _failure(what, f"{command[0]} took more than {FETCH_SECONDS} seconds") from None
    if done.returncode:
        output = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        told = [line for line in output if line.startswith(("E:", "ERROR"))] or output[-1:] or ["nothing"]
        raise _failure(what, f"{command[0]} says: {' '.join(told[:LAST_LINES]).rstrip('.')}")


def _failure(what: str, reason: str) -> MissingToolError:
    return MissingToolError(
        f"The target arm64 could not {what}: {reason}. Its first run needs the network and package sources that have "
        "arm64, as Debian's do; later ones do not. --target host never does."
    )
