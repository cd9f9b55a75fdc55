"""Programs from other ecosystems, by the Debian package that has them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ofa_export.errors import MissingToolError

PACKAGES = {
    "android": {
        "java": "openjdk-17-jdk-headless",
        "javac": "openjdk-17-jdk-headless",
        "gcc": "gcc libc6-dev",
        "mvn": "maven",
        "npm": "npm",
    },
    "arm64": {
        "qemu-aarch64-static": "qemu-user-static",
        "apt-get": "apt",
        "dpkg": "dpkg",
        **dict.fromkeys(
            ("aarch64-linux-gnu-as", "aarch64-linux-gnu-ld", "aarch64-linux-gnu-nm", "aarch64-linux-gnu-readelf"),
            "binutils-aarch64-linux-gnu",
        ),
    },
    "apk": {
        "java": "openjdk-17-jdk-headless",
        "javac": "openjdk-17-jdk-headless",
        "keytool": "openjdk-17-jdk-headless",
        "aapt2": "aapt",
        "apksigner": "apksigner",
        "mvn": "maven",
        "npm": "npm",
    },
}
"""Debian's packages by what needs them, a target or the command apk -> program -> packages."""

INSTEAD = ", or use --target host, which needs no such tool"


def require_tools(purpose: str, *tools: str) -> None:
    """Refuse to start without programs, all that are missing at once.

    Args:
        purpose: what needs them, of `PACKAGES`.
        tools: their names, as there.

    Raises:
        MissingToolError: some are not on the PATH.
    """
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        packages = " ".join(dict.fromkeys(PACKAGES[purpose][tool] for tool in missing))
        needed_by, instead = ("The command apk", "") if purpose == "apk" else (f"The target {purpose}", INSTEAD)
        raise MissingToolError(
            f"{needed_by} needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            f"installed: run apt-get install --no-install-recommends {packages}{instead}."
        )


def run_compiler(command: Sequence[str], *, folder: Path) -> None:
    """Run a compiler of the target android.

    Args:
        command: its name and arguments.
        folder: where it runs.

    Raises:
        MissingToolError: it failed: it is too old, or what it needs is not installed.
    """
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        message = (done.stderr or done.stdout).strip().splitlines()
        raise MissingToolError(
            f"{command[0]} could not compile what the target android needs; with the Debian packages "
            f"{PACKAGES['android'][command[0]]} it can. It says:",
            *message,
        )
