"""Files that are made together, kept under one name."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping

from ofa_export.support.content_cache import ContentCache


def kept_files(cache: ContentCache, name: str, make: Callable[[], Mapping[str, bytes]]) -> dict[str, bytes]:
    """Return the files of a name, from the cache if they were made before.

    Args:
        cache: keeps them.
        name: says all that decides what they are.
        make: makes them: file name -> content.
    """
    content = cache.get_or_make(name, lambda: _packed(make()))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


def _packed(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()
