"""Android shared libraries made loadable by this computer's dynamic linker: an edit of their dynamic section.

Android's linker and glibc's read the same format. What keeps them apart stands in the table of DT_* entries: symbols
ask for Android's version `LIBC`, and names like libc.so, which glibc calls otherwise. Both kinds of entries are taken
out; what they named is then looked up in the libraries that the process has loaded already.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass

MAGIC = b"\x7fELF\x02\x01"
"""64 bits, little-endian."""

PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB = 0, 1, 5
SYMBOL_VERSIONS = {0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF}
"""DT_VERSYM, DT_VERDEF, DT_VERDEFNUM, DT_VERNEED and DT_VERNEEDNUM."""

ENTRY = struct.Struct("<qQ")


@dataclass(frozen=True, kw_only=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int


def without_android(library: bytes, *, provided: Collection[str]) -> bytes:
    """Return the same library without symbol versions, and without some of the libraries that it asks for.

    Args:
        library: an ELF file, 64 bits, little-endian.
        provided: names of libraries to leave out: the process has their symbols already.

    Returns:
        The edited file, of the same size.

    Raises:
        ValueError: it is no such file, or is not linked dynamically.
    """
    dynamic = _dynamic(library)
    kept = []
    for tag, value in _entries(library, dynamic):
        if tag in SYMBOL_VERSIONS or (tag == DT_NEEDED and _needed(library, value) in provided):
            continue
        kept.append(ENTRY.pack(tag, value))
    table = b"".join(kept).ljust(dynamic.size, b"\0")
    return library[: dynamic.offset] + table + library[dynamic.offset + dynamic.size :]


def needed_libraries(library: bytes) -> tuple[str, ...]:
    """Return names of the libraries that a library asks for, in order."""
    entries = _entries(library, _dynamic(library))
    return tuple(_needed(library, value) for tag, value in entries if tag == DT_NEEDED)


def _segments(library: bytes) -> Iterator[_Segment]:
    (table,) = struct.unpack_from("<Q", library, 32)
    size, count = struct.unpack_from("<HH", library, 54)
    for index in range(count):
        kind, _, offset, address, _, file_size = struct.unpack_from("<IIQQQQ", library, table + index * size)
        yield _Segment(kind=kind, offset=offset, address=address, size=file_size)


def _dynamic(library: bytes) -> _Segment:
    if library[: len(MAGIC)] != MAGIC:
        raise ValueError("not a 64-bit little-endian ELF file")
    for segment in _segments(library):
        if segment.kind == PT_DYNAMIC:
            return segment
    raise ValueError("not linked dynamically")


def _entries(library: bytes, dynamic: _Segment) -> Iterator[tuple[int, int]]:
    for tag, value in ENTRY.iter_unpack(library[dynamic.offset : dynamic.offset + dynamic.size]):
        if tag == DT_NULL:
            return
        yield tag, value


def _needed(library: bytes, index: int) -> str:
    (names,) = (value for tag, value in _entries(library, _dynamic(library)) if tag == DT_STRTAB)
    start = _file_offset(library, names) + index
    return library[start : library.index(b"\0", start)].decode()


def _file_offset(library: bytes, address: int) -> int:
    for segment in _segments(library):
        if segment.kind == PT_LOAD and segment.address <= address < segment.address + segment.size:
            return address - segment.address + segment.offset
    raise ValueError(f"no segment of the file holds the address {address:#x}")
