"""The ZIP of an APK, before it is signed: fixed times and order, and data where a phone can map it.

apksigner keeps entries where they are when they say how they are aligned, in the extra field of zipalign. Debian's own
zipalign is not used: it knows pages of 4 KB only, and would move bundles to multiples of 4 bytes.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

PAGE, TENSOR, WORD = 16_384, 64, 4
"""Bytes: native libraries start at a page, bundles where tensors in them are aligned, tables at a word."""

EXTRA = struct.Struct("<HHH")
EXTRA_ID = 0xD935
LOCAL_HEADER = 30

TIME = (1981, 1, 1, 1, 1, 2)
"""The date that Android's own tools write when a build must be the same each time."""


@dataclass(frozen=True, kw_only=True)
class ApkEntry:
    """A file in the APK.

    Args:
        name: its path.
        content: all of it.
        alignment: of its data, in bytes, which are then stored as they are; None compresses them.
    """

    name: str
    content: bytes | memoryview
    alignment: int | None


def write_apk(stream: BinaryIO, entries: Sequence[ApkEntry]) -> None:
    """Write an unsigned APK; the same entries give the same bytes.

    Args:
        stream: a binary file at its start.
        entries: in the order they get.
    """
    with zipfile.ZipFile(stream, "w") as archive:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, TIME)
            info.create_system, info.external_attr = 0, 0
            if entry.alignment is None:
                info.compress_type = zipfile.ZIP_DEFLATED
            else:
                start = stream.tell() + LOCAL_HEADER + len(entry.name.encode())
                padding = -(start + EXTRA.size) % entry.alignment
                info.extra = EXTRA.pack(EXTRA_ID, 2 + padding, entry.alignment).ljust(EXTRA.size + padding, b"\0")
            archive.writestr(info, entry.content)
