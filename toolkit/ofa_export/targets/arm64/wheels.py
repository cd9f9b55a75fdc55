"""A runtime's arm64 wheels: pip fetches them, checks their digests and unpacks them."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from ofa_export.errors import MissingToolError
from ofa_export.targets.arm64.fetching import run_fetching

PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64")


def install_wheels(requirements: Path, python: str, folder: Path) -> None:
    """Unpack the wheels into a folder.

    Args:
        requirements: versions and digests, as pip reads them.
        python: version of the Python that they are for, "3.11".
        folder: created when needed.

    Raises:
        MissingToolError: pip could not fetch them, or what it fetched is something else.
    """
    command = [
        *pip_command(),
        "install",
        "--disable-pip-version-check",
        # Running graphs needs little of what the wheels ask for; all of it is in the file.
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
        "--implementation=cp",
        f"--python-version={python}",
        *(f"--platform={platform}" for platform in PLATFORMS),
        # Python there compiles what it imports.
        "--no-compile",
        f"--target={folder}",
        f"--requirement={requirements}",
    ]
    run_fetching(command, what=f"fetch arm64 wheels for Python {python}")


def pip_command() -> list[str]:
    """Tell how pip is started: this Python's, else the one on the PATH; any can unpack for another Python.

    Raises:
        MissingToolError: there is none.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if shutil.which("pip"):
        return ["pip"]
    raise MissingToolError(
        "The target arm64 needs pip, which is not installed: run apt-get install --no-install-recommends python3-pip, "
        "or use --target host, which needs no such tool."
    )
