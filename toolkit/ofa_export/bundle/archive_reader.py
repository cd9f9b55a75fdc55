"""Reading an archive as if its sender were hostile: it is exactly what `archive` writes, or it is refused.

Every length is compared with the size of the file before it is used, nothing is copied, and after the checks that have
a sentence of their own each header is compared with the one that the writer would have made.
"""

from __future__ import annotations

import re
import zlib

from ofa_export.bundle.archive import (
    ALIGNMENT,
    CENTRAL,
    CENTRAL_SIGNATURE,
    END,
    END_SIGNATURE,
    LOCAL,
    LOCAL_SIGNATURE,
    MAX_BYTES,
    Placement,
    end_record,
    place,
)
from ofa_export.errors import BundleError, RejectionCode

MAX_ENTRIES = 64
MAX_NAME = 64

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_ENCRYPTED, _DATA_DESCRIPTOR = 0x0001, 0x0008
_ZIP64 = 0xFFFFFFFF


def claimed_first_name(file: memoryview) -> str:
    """Return name of the first entry as the file has it, unchecked: which reader to ask, and nothing to trust."""
    if len(file) < LOCAL.size:
        return ""
    name_bytes = LOCAL.unpack_from(file)[-2]
    return bytes(file[LOCAL.size : LOCAL.size + min(name_bytes, MAX_NAME)]).decode("ascii", "replace")


def read_archive(file: memoryview) -> dict[str, memoryview]:
    """Check an archive and find its entries.

    Args:
        file: the whole file.

    Returns:
        The data of each entry by name, in file order, as views of `file`.

    Raises:
        BundleError: any byte outside the entries' data is not what `write_archive` would have written, or the data of
            an entry does not agree with its CRC-32.
    """
    directory_start, count = _end(file)
    at, end = directory_start, 0
    entries: dict[str, memoryview] = {}
    for number in range(count):
        name, size, header_start, crc = _record(file, at, number)
        if name in entries:
            raise _rejected("its name appears twice.", code=RejectionCode.ENTRY_NAME, entry=name)
        placement = _place(file, name, size, header_start, end=end, limit=directory_start)
        if bytes(file[at : at + CENTRAL.size + len(name)]) != placement.central_record(crc):
            raise _rejected("its directory record has fields that this format does not use.", entry=name)
        _check_local(file, placement, crc)
        end = placement.data_start + size
        entries[name] = file[placement.data_start : end]
        if zlib.crc32(entries[name]) != crc:
            raise _rejected(
                "its data does not agree with its CRC-32: the file was damaged.", code=RejectionCode.DAMAGED, entry=name
            )
        at += CENTRAL.size + len(name)
    if end != directory_start:
        raise _rejected(f"{directory_start - end:,} bytes before the directory belong to no entry.")
    if at + END.size != len(file):
        raise _rejected(f"{len(file) - END.size - at:,} bytes after the directory belong to no entry.")
    return entries


def _end(file: memoryview) -> tuple[int, int]:
    if len(file) < END.size:
        raise _rejected(
            f"it has {len(file)} bytes, fewer than the smallest archive: it was cut short.",
            code=RejectionCode.NO_ARCHIVE,
        )
    if len(file) > MAX_BYTES:
        raise _rejected(f"it has {len(file):,} bytes; {MAX_BYTES:,} are allowed.")
    fields = END.unpack_from(file, len(file) - END.size)
    signature, _, _, _, count, directory_bytes, directory_start, _ = fields
    if signature != END_SIGNATURE:
        tail = bytes(file[-(2**16 + END.size) :])
        if END_SIGNATURE.to_bytes(4, "little") in tail:
            raise _rejected("it has a comment or other bytes after the end of its directory.")
        raise _rejected(
            "it does not end with a directory: it was cut short, or it is not a file of ofa-export.",
            code=RejectionCode.NO_ARCHIVE,
        )
    if _ZIP64 in (directory_bytes, directory_start) or count == 0xFFFF:
        raise _rejected("it uses ZIP64, which this format does not.")
    if not 1 <= count <= MAX_ENTRIES:
        raise _rejected(f"its directory says {count} entries; 1 to {MAX_ENTRIES} are allowed.")
    if directory_start + directory_bytes != len(file) - END.size:
        raise _rejected("its directory is not where the end of the file says.")
    canonical = end_record(entries=count, directory_start=directory_start, directory_bytes=directory_bytes)
    if bytes(file[-END.size :]) != canonical:
        raise _rejected("the end of its directory has fields that this format does not use.")
    return directory_start, count


def _record(file: memoryview, at: int, number: int) -> tuple[str, int, int, int]:
    limit = len(file) - END.size
    if at + CENTRAL.size > limit:
        raise _rejected(f"its directory ends before entry {number}.")
    fields = CENTRAL.unpack_from(file, at)
    signature, _, _, flags, method, _, _, crc, stored, size, name_bytes = fields[:11]
    header_start = fields[-1]
    if signature != CENTRAL_SIGNATURE:
        raise _rejected(f"its directory has no record for entry {number}.")
    if not 1 <= name_bytes <= MAX_NAME or at + CENTRAL.size + name_bytes > limit:
        raise _rejected(f"the name of entry {number} has {name_bytes} bytes; 1 to {MAX_NAME} are allowed.")
    name = bytes(file[at + CENTRAL.size : at + CENTRAL.size + name_bytes]).decode("ascii", "backslashreplace")
    if not _PLAIN_NAME.fullmatch(name):
        raise _rejected(
            "its name is not a plain file name, so it could escape the folder it is put in.",
            code=RejectionCode.ENTRY_NAME,
            entry=name,
        )
    if flags & _ENCRYPTED:
        raise _rejected("it is encrypted.", code=RejectionCode.NOT_STORED, entry=name)
    if flags & _DATA_DESCRIPTOR:
        raise _rejected(
            "its size follows its data (a data descriptor), which this format does not allow.",
            code=RejectionCode.NOT_STORED,
            entry=name,
        )
    if method or stored != size:
        raise _rejected("it is compressed; entries must be stored.", code=RejectionCode.NOT_STORED, entry=name)
    if _ZIP64 in (size, header_start):
        raise _rejected("it uses ZIP64, which this format does not.", entry=name)
    return name, size, header_start, crc


def _place(file: memoryview, name: str, size: int, header_start: int, *, end: int, limit: int) -> Placement:
    """Tell where the entry must lie: directly after `end`, where the one before it ends."""
    if header_start < end:
        raise _rejected("it overlaps the entry before it.", entry=name)
    if header_start > end:
        raise _rejected(f"the {header_start - end:,} bytes before it belong to no entry.", entry=name)
    if header_start + LOCAL.size > limit:
        raise _rejected("its header reaches into the directory.", entry=name)
    name_bytes, extra_bytes = LOCAL.unpack_from(file, header_start)[-2:]
    data_start = header_start + LOCAL.size + name_bytes + extra_bytes
    if data_start % ALIGNMENT:
        raise _rejected(f"its data starts at byte {data_start:,}, not at a multiple of {ALIGNMENT}.", entry=name)
    placement = place(name, size, header_start=header_start)
    if placement.data_start + size > limit:
        raise _rejected("its data reaches into the directory.", entry=name)
    return placement


def _check_local(file: memoryview, placement: Placement, crc: int) -> None:
    header = bytes(file[placement.header_start : placement.data_start])
    canonical = placement.local_header(crc)
    if LOCAL.unpack_from(header)[0] != LOCAL_SIGNATURE:
        raise _rejected("its local header is missing.", entry=placement.name)
    named = LOCAL.size + len(placement.name)
    # The length of the extra field is judged with the padding, below.
    if (
        header[: LOCAL.size - 2] + header[LOCAL.size : named]
        != canonical[: LOCAL.size - 2] + canonical[LOCAL.size : named]
    ):
        raise _rejected("its local header disagrees with the directory.", entry=placement.name)
    if header != canonical:
        raise _rejected("the padding before its data is not what this format writes.", entry=placement.name)


def _rejected(reason: str, *, code: RejectionCode = RejectionCode.ARCHIVE, entry: str | None = None) -> BundleError:
    return BundleError(reason, code=code, entry=entry)
