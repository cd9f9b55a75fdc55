"""The parts of an APK and their bytes: every byte belongs to a part."""

from __future__ import annotations

import struct
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SIGNATURE_MAGIC = b"APK Sig Block 42"
END_RECORD = 22
CODE, RESOURCES, SIGNATURE, ARCHIVE = "code (dex)", "resources and manifest", "signature", "headers and alignment"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of an APK.

    Args:
        name: for a person.
        bytes: in the file, compressed as they are there.
    """

    name: str
    bytes: int


def itemised(apk: Path, libraries: Mapping[str, str]) -> tuple[Part, ...]:
    """Return all bytes of a signed APK.

    Args:
        apk: the file.
        libraries: entry of each native library -> the part that it is counted in.

    Returns:
        Parts in a fixed order, whose bytes sum to the file's.
    """
    with zipfile.ZipFile(apk) as archive:
        entries = archive.infolist()
    counted: Counter[str] = Counter()
    for entry in entries:
        counted[_part(entry.filename, libraries)] += entry.compress_size
    counted[SIGNATURE] = signing_block_bytes(apk)
    counted[ARCHIVE] = apk.stat().st_size - counted.total()
    return tuple(Part(name=name, bytes=counted[name]) for name in sorted(counted, key=_place))


def signing_block_bytes(apk: Path) -> int:
    """Return bytes of the block of signatures before the directory of an APK; 0 without one."""
    with apk.open("rb") as file:
        file.seek(-END_RECORD, 2)
        (directory,) = struct.unpack_from("<I", file.read(), 16)
        file.seek(directory - 24)
        size, magic = struct.unpack("<Q16s", file.read(24))
    # The size stands at both ends, and does not count the first.
    return int(size) + 8 if magic == SIGNATURE_MAGIC else 0


def _part(name: str, libraries: Mapping[str, str]) -> str:
    if name.startswith("assets/bundles/"):
        return f"bundle {name.removeprefix('assets/bundles/')}"
    if name in libraries:
        return libraries[name]
    return CODE if name.endswith(".dex") else RESOURCES


def _place(name: str) -> tuple[int, str]:
    order = (CODE, RESOURCES, SIGNATURE, ARCHIVE)
    if name in order:
        return 2 + order.index(name), name
    return (0 if name.startswith("bundle ") else 1), name
