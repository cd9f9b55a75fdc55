"""Bundles on a command line: files, patterns that the shell left as they are, and which file a rejection is about."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from ofa_export.bundle.envelope import read_bundle
from ofa_export.bundle.reader import Bundle
from ofa_export.errors import BundleError, ConfigError


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


def checked_bundle(path: Path) -> memoryview:
    """Read a bundle and check all of it.

    Args:
        path: the file.

    Returns:
        The whole file.

    Raises:
        ConfigError: there is no such file, or it cannot be read.
        BundleError: it is not a bundle that can be trusted; the sentence names the file.
    """
    data = read_bundle(path)
    try:
        Bundle(data)
    except BundleError as error:
        raise BundleError(f"{error.reason} The file is {path}.", code=error.code, entry=error.entry) from error
    return data


def _meant(path: Path) -> list[Path]:
    pattern = str(path)
    if path.exists() or not glob.has_magic(pattern):
        return [path]
    # Path.glob knows no absolute patterns and raises for `a**`.
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
    if not found:
        raise ConfigError(f"No file matches the pattern {pattern}. Name the bundles, or correct the pattern.")
    return [Path(name) for name in found]
