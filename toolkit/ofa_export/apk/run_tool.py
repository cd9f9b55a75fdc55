"""Runner of the programs of build steps; what a program says when it fails is shown to the user."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from ofa_export.errors import AppBuildError

Words = list[str | Path]
"""A command, or a part of one."""

SHOWN_LINES = 12

JAVA = ("java", "-Xshare:auto", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx1g")
"""The start of a command for Java programs that live for seconds."""


def run_step(command: Sequence[str | Path], *, step: str, folder: Path) -> str:
    """Run a program to its end.

    Args:
        command: its name and arguments.
        step: what it does, for a person: "compile the app's Kotlin".
        folder: where it runs.

    Returns:
        What it printed on stdout.

    Raises:
        AppBuildError: it failed.
    """
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        lines = _reason([line for line in (done.stderr + done.stdout).splitlines() if line.strip()])
        message = lines[:SHOWN_LINES] or [f"nothing, and ended with {done.returncode}"]
        raise AppBuildError(
            f"Could not {step}. If the sources in android_demo were edited, mend them; if not, use the versions that "
            f"docs/android.md names. {Path(command[0]).name} says:",
            *message,
        )
    return done.stdout


def _reason(lines: list[str]) -> list[str]:
    # A Java program says what is wrong, and then once more as a chain of exceptions; some only the latter.
    reason = takewhile(lambda line: not line.startswith("Exception in thread "), lines)
    return list(reason) or [line for line in lines if not line.lstrip().startswith(("at ", "... "))]
