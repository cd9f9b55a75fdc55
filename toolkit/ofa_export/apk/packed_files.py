"""Several files in one, as a cache keeps them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping


def packed(files: Mapping[str, bytes]) -> bytes:
    """Pack files into one.

    Args:
        files: name -> content.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, each in files.items():
            archive.writestr(name, each)
    return content.getvalue()


def unpacked_files(content: bytes) -> dict[str, bytes]:
    """Return the files that were packed, by name.

    Args:
        content: as `packed` gives it.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
