"""The pages that a native library was made for: a phone whose pages are larger cannot load it."""

from __future__ import annotations

import struct

PT_LOAD = 1
LARGE_PAGE = 16_384
"""Of some phones with Android 15 and later; all others have 4,096."""


def page_alignment(library: bytes) -> int:
    """Return the least alignment of the parts of a library that are loaded, in bytes.

    Args:
        library: an ELF file, 32 or 64 bits, little-endian.

    Raises:
        ValueError: it is no such file.
    """
    if library[:4] != b"\x7fELF" or library[5] != 1:
        raise ValueError("not a little-endian ELF file")
    wide = library[4] == 2
    (table,) = struct.unpack_from("<Q" if wide else "<I", library, 32 if wide else 28)
    size, count = struct.unpack_from("<HH", library, 54 if wide else 42)
    alignments: list[int] = []
    for index in range(count):
        start = table + index * size
        (kind,) = struct.unpack_from("<I", library, start)
        if kind == PT_LOAD:
            alignments += struct.unpack_from("<Q" if wide else "<I", library, start + (48 if wide else 28))
    return min(alignments)
