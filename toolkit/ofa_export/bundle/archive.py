"""The archive around a bundle: a ZIP of which every byte is fixed by its entries' names, order and content.

No entry is compressed, and the data of each starts at a multiple of 64 bytes. Per entry, without any gap:

| offset | type | local file header |
| --- | --- | --- |
| 0 | uint32 | `0x04034b50` |
| 4 | uint16 x 5 | version 10, flags 0, method 0, time 0, date 0x0021 (1980-01-01) |
| 14 | uint32 x 3 | CRC-32 of the data, size, size again |
| 26 | uint16 x 2 | bytes of the name, bytes of the extra field |
| 30 | bytes | name (ASCII), extra field, data |

The extra field is Android's zipalign padding: uint16 `0xD935`, uint16 bytes that follow, uint16 64, then 0 to 63 zeros.
After the last data come the central directory (46 bytes and the name for each entry: the same fields, attributes 0, no
extra field, no comment) and the 22 bytes of the end record (no comment, one disk, no ZIP64).

Sizes therefore follow from names and sizes alone (`archive_bytes`), and a reader can insist on every byte.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from ofa_export.errors import ConfigError

ALIGNMENT = 64
MAX_BYTES = 2**32 - 2

LOCAL = struct.Struct("<IHHHHHIIIHH")
CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
END = struct.Struct("<IHHHHIIH")
LOCAL_SIGNATURE, CENTRAL_SIGNATURE, END_SIGNATURE = 0x04034B50, 0x02014B50, 0x06054B50

_PADDING = struct.Struct("<HHH")
_PADDING_ID = 0xD935
_VERSION, _FLAGS, _STORED, _TIME, _DATE = 10, 0, 0, 0, 0x0021

Buffer = bytes | memoryview


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Place of one entry in the archive, in bytes from its start.

    Args:
        name: name of the entry.
        header_start: its local header.
        data_start: its data, a multiple of 64.
        size: bytes of its data.
    """

    name: str
    header_start: int
    data_start: int
    size: int

    def local_header(self, crc: int) -> bytes:
        """Local header, name and padding: the bytes from `header_start` to `data_start`."""
        name = self.name.encode("ascii")
        padding = self.data_start - self.header_start - LOCAL.size - len(name)
        fields = (_VERSION, _FLAGS, _STORED, _TIME, _DATE, crc, self.size, self.size, len(name), padding)
        extra = _PADDING.pack(_PADDING_ID, padding - 4, ALIGNMENT).ljust(padding, b"\0")
        return LOCAL.pack(LOCAL_SIGNATURE, *fields) + name + extra

    def central_record(self, crc: int) -> bytes:
        """Return the entry's record in the central directory."""
        name = self.name.encode("ascii")
        fields = (_VERSION, _VERSION, _FLAGS, _STORED, _TIME, _DATE, crc, self.size, self.size, len(name))
        return CENTRAL.pack(CENTRAL_SIGNATURE, *fields, 0, 0, 0, 0, 0, self.header_start) + name


def place(name: str, size: int, *, header_start: int) -> Placement:
    """Return the entry that starts with its local header at `header_start`."""
    shortest = header_start + LOCAL.size + len(name) + _PADDING.size
    data_start = shortest + -shortest % ALIGNMENT
    return Placement(name=name, header_start=header_start, data_start=data_start, size=size)


def end_record(*, entries: int, directory_start: int, directory_bytes: int) -> bytes:
    """Return the last 22 bytes of an archive."""
    return END.pack(END_SIGNATURE, 0, 0, entries, entries, directory_bytes, directory_start, 0)


def archive_bytes(names_and_sizes: Iterable[tuple[str, int]]) -> int:
    """Exact size of the archive with these entries, in bytes, without writing it."""
    end, directory = 0, 0
    for name, size in names_and_sizes:
        end = place(name, size, header_start=end).data_start + size
        directory += CENTRAL.size + len(name)
    return end + directory + END.size


def write_archive(stream: BinaryIO, entries: Sequence[tuple[str, Buffer]]) -> int:
    """Write an archive; the same entries give the same bytes, always.

    Args:
        stream: a binary file at its start.
        entries: names (plain ASCII file names) and contents, in the order they get.

    Returns:
        The bytes written.

    Raises:
        ConfigError: a name appears twice, or the archive would reach 4 GiB.
    """
    names = [name for name, _ in entries]
    if len(set(names)) != len(names):
        raise ConfigError(f"An archive cannot hold two entries of one name: {', '.join(names)}.")
    total = archive_bytes((name, len(data)) for name, data in entries)
    if total > MAX_BYTES:
        raise ConfigError(f"A file of this format can hold {MAX_BYTES:,} bytes; this one would have {total:,}.")
    end, directory = 0, b""
    for name, data in entries:
        placement, crc = place(name, len(data), header_start=end), zlib.crc32(data)
        stream.write(placement.local_header(crc))
        stream.write(data)
        directory += placement.central_record(crc)
        end = placement.data_start + placement.size
    stream.write(directory + end_record(entries=len(entries), directory_start=end, directory_bytes=len(directory)))
    return total
