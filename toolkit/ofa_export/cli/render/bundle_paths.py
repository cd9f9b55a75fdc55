"""Bundles on a command line: files, and patterns that the shell left as they are."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from ofa_export.errors import ConfigError


def bundle_paths(given: Sequence[Path]) -> list[Path]:
    """Find the files that are meant.

    Without its option globstar, bash takes `artifacts/**/*.ofab` for one folder below `artifacts`, and silently leaves
    out what lies deeper. In quotes the pattern comes here, where `**` is any number of folders, none included.

    Args:
        given: paths; one that does not exist and has `*`, `?` or `[` in it is a pattern.

    Returns:
        The paths, patterns replaced by what they stand for in alphabetical order; each file once.

    Raises:
        ConfigError: a pattern stands for no file.
    """
    return list(dict.fromkeys(path for one in given for path in _meant(one)))


def _meant(path: Path) -> list[Path]:
    pattern = str(path)
    if path.exists() or not glob.has_magic(pattern):
        return [path]
    # Path.glob knows no absolute patterns and raises for `a**`.
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
    if not found:
        raise ConfigError(f"No file matches the pattern {pattern}. Name the bundles, or correct the pattern.")
    return [Path(name) for name in found]
