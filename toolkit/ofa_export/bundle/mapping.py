"""Mapping the files that are read: their pages are loaded when they are looked at, whatever their size."""

from __future__ import annotations

import mmap
from pathlib import Path

from ofa_export.errors import BundleError, ConfigError, DeltaError, RejectionCode, SessionPackError


def map_file(path: Path | str, *, kind: str, rejected: type[BundleError | DeltaError | SessionPackError]) -> mmap.mmap:
    """Map a file.

    Args:
        path: the file.
        kind: what it should be, for the sentence, such as "bundle".
        rejected: the error of a file that is not one.

    Returns:
        The map; whoever asked closes it.

    Raises:
        ConfigError: there is no such file, or it cannot be read.
        RejectedError: it is empty.
    """
    try:
        with Path(path).open("rb") as file:
            if not file.seek(0, 2):
                raise rejected(f"{path} is empty.", code=RejectionCode.EMPTY)
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise ConfigError(f"The {kind} {path} cannot be read: {error.strerror or error}. Check the path.") from error
