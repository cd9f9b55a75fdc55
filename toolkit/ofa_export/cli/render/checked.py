"""Bundles of a command that takes several files: a rejection says which of them it is about."""

from __future__ import annotations

from pathlib import Path

from ofa_export.bundle.envelope import map_bundle
from ofa_export.bundle.reader import Bundle
from ofa_export.errors import BundleError


def checked_bundle(path: Path) -> memoryview:
    """Map a bundle and check all of it.

    Args:
        path: the file.

    Returns:
        The whole file.

    Raises:
        ConfigError: there is no such file, or it cannot be read.
        BundleError: it is not a bundle that can be trusted; the sentence names the file.
    """
    data = memoryview(map_bundle(path))
    try:
        Bundle(data)
    except BundleError as error:
        raise BundleError(f"{error.reason} The file is {path}.", code=error.code, entry=error.entry) from error
    return data
