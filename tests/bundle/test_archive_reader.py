from __future__ import annotations

import struct
import zipfile
import zlib
from io import BytesIO

import pytest

from ofa_export.bundle.archive import CENTRAL, END, END_SIGNATURE, LOCAL, Placement, end_record, place, write_archive
from ofa_export.bundle.archive_reader import read_archive
from ofa_export.errors import BundleError

FIRST, SECOND = ("a", b"first"), ("b", b"second")


def _archive(*entries: tuple[str, bytes]) -> bytearray:
    stream = BytesIO()
    write_archive(stream, entries or (FIRST, SECOND))
    return bytearray(stream.getvalue())


def _second() -> Placement:
    first = place("a", 5, header_start=0)
    return place("b", 6, header_start=first.data_start + 5)


def _directory(data: bytes | bytearray) -> int:
    return int(END.unpack_from(data, len(data) - END.size)[-2])


def _record_field(data: bytearray, record: int, offset: int, form: str, value: int) -> bytearray:
    """Change one field of a central record; both names are one byte long."""
    struct.pack_into(form, data, _directory(data) + record * (CENTRAL.size + 1) + offset, value)
    return data


def _rejected(data: bytes | bytearray, sentence: str, entry: str | None) -> None:
    with pytest.raises(BundleError, match=sentence) as caught:
        read_archive(memoryview(data))
    assert caught.value.entry == entry


@pytest.mark.parametrize("length", [0, 1, 21, 22, 64, 100, 128])
def test_a_file_cut_short_is_rejected(length: int) -> None:
    _rejected(_archive()[:length], "cut short|not a file of ofa-export", None)


def test_foreign_files_are_rejected() -> None:
    _rejected(b"SQLite format 3\0" * 100, "not a file of ofa-export", None)


def test_bytes_after_the_end_are_rejected() -> None:
    _rejected(_archive() + b"x", "comment or other bytes after", None)


def test_a_comment_is_rejected() -> None:
    stream = BytesIO(_archive())
    with zipfile.ZipFile(stream, "a") as archive:
        archive.comment = b"hello"
    _rejected(stream.getvalue(), "comment", None)


def test_bytes_before_the_first_entry_are_rejected() -> None:
    data = _archive()
    start = _directory(data)
    moved = (
        bytes(64)
        + data[: -END.size]
        + end_record(entries=2, directory_start=start + 64, directory_bytes=len(data) - END.size - start)
    )
    moved = bytearray(moved)
    _record_field(moved, 0, 42, "<I", 64)
    _rejected(moved, "64 bytes before it belong to no entry", "a")


def test_bytes_before_the_directory_are_rejected() -> None:
    data = _archive()
    start = _directory(data)
    size = len(data) - END.size - start
    tail = end_record(entries=2, directory_start=start + 3, directory_bytes=size)
    _rejected(data[:start] + b"xyz" + data[start : start + size] + tail, "3 bytes before the directory", None)


def test_records_that_the_count_hides_are_rejected() -> None:
    data = _archive()
    start = _directory(data)
    tail = end_record(entries=1, directory_start=start, directory_bytes=len(data) - END.size - start)
    _rejected(data[: -END.size] + tail, "belong to no entry", None)


def test_bytes_inside_the_directory_are_rejected() -> None:
    data = _archive()
    start = _directory(data)
    tail = end_record(entries=2, directory_start=start, directory_bytes=len(data) - END.size - start + 3)
    _rejected(data[: -END.size] + b"xyz" + tail, "3 bytes after the directory", None)


def test_records_that_are_missing_are_rejected() -> None:
    data = _archive()
    start = _directory(data)
    tail = end_record(entries=3, directory_start=start, directory_bytes=len(data) - END.size - start)
    _rejected(data[: -END.size] + tail, "ends before entry 2", None)


@pytest.mark.parametrize("entries", [0, 65, 0xFFFF])
def test_counts_out_of_bounds_are_rejected(entries: int) -> None:
    data = _archive()
    start = _directory(data)
    tail = end_record(entries=entries, directory_start=start, directory_bytes=len(data) - END.size - start)
    _rejected(data[: -END.size] + tail, "entries|ZIP64", None)


def test_two_entries_of_one_name_are_rejected() -> None:
    data = _archive()
    data[_second().header_start + LOCAL.size] = ord("a")
    data[_directory(data) + 2 * CENTRAL.size + 1] = ord("a")
    _rejected(data, "appears twice", "a")


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/b", "a\\b", "C:a", "..", ".hidden", "a\0b", "ä"])
def test_names_that_could_escape_are_rejected(name: str) -> None:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("x" * len(name.encode()))
        archive.writestr(info, b"data")
    data = stream.getvalue().replace(info.filename.encode(), name.encode())
    with pytest.raises(BundleError, match="not a plain file name") as caught:
        read_archive(memoryview(data))
    assert caught.value.entry


def test_a_name_that_is_too_long_is_rejected() -> None:
    _rejected(_archive(("n" * 65, b"")), "65 bytes", None)


def test_a_compressed_entry_is_rejected() -> None:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(1000))
    _rejected(stream.getvalue(), "compressed", "a")


@pytest.mark.parametrize(
    ("offset", "form", "value", "sentence"),
    [
        (0, "<I", 0, "no record for entry 1"),
        (8, "<H", 0x0001, "encrypted"),
        (8, "<H", 0x0008, "data descriptor"),
        (8, "<H", 0x0800, "fields that this format does not use"),
        (10, "<H", 8, "compressed"),
        (14, "<H", 0x5000, "fields that this format does not use"),
        (16, "<I", 1, "disagrees with the directory"),
        (20, "<I", 7, "compressed"),
        (38, "<I", 1, "fields that this format does not use"),
        (42, "<I", 0, "overlaps"),
        (42, "<I", 0xFFFFFFFF, "ZIP64"),
        (42, "<I", 100_000, "belong to no entry"),
    ],
)
def test_directory_records_that_lie_are_rejected(offset: int, form: str, value: int, sentence: str) -> None:
    data = _record_field(_archive(), 1, offset, form, value)
    _rejected(data, sentence, None if offset == 0 else "b")


def test_sizes_that_reach_into_the_directory_are_rejected() -> None:
    data = _record_field(_archive(), 1, 20, "<I", 60)
    _rejected(_record_field(data, 1, 24, "<I", 60), "reaches into the directory", "b")


@pytest.mark.parametrize(("size", "sentence"), [(3, "2 bytes before it belong to no entry"), (20, "overlaps")])
def test_sizes_that_leave_a_gap_or_overlap_are_rejected(size: int, sentence: str) -> None:
    data = _archive()
    forged = place("a", size, header_start=0)
    crc = zlib.crc32(data[forged.data_start : forged.data_start + size])
    data[: forged.data_start] = forged.local_header(crc)
    start = _directory(data)
    data[start : start + CENTRAL.size + 1] = forged.central_record(crc)
    _rejected(data, sentence, "b")


@pytest.mark.parametrize(
    ("offset", "sentence"),
    [(0, "local header is missing"), (6, "disagrees"), (14, "disagrees"), (18, "disagrees"), (30, "disagrees")],
)
def test_local_headers_that_disagree_are_rejected(offset: int, sentence: str) -> None:
    data = _archive()
    data[_second().header_start + offset] ^= 1
    _rejected(data, sentence, "b")


def test_data_off_the_alignment_is_rejected() -> None:
    data = _archive()
    data[_second().header_start + 28] -= 1
    _rejected(data, "not at a multiple of 64", "b")


def test_padding_that_hides_bytes_is_rejected() -> None:
    data = _archive()
    data[_second().data_start - 1] = 1
    _rejected(data, "padding", "b")


def test_damaged_data_is_rejected() -> None:
    data = _archive()
    data[_second().data_start] ^= 1
    _rejected(data, "CRC-32", "b")


def test_fields_of_the_end_record_that_are_not_used_are_rejected() -> None:
    data = _archive()
    data[-END.size + 4] = 1
    _rejected(data, "does not use", None)
    data = _archive()
    struct.pack_into("<I", data, len(data) - 6, 3)
    _rejected(data, "not where the end of the file says", None)
    assert END_SIGNATURE.to_bytes(4, "little") in data


def test_archives_of_other_tools_are_rejected_even_if_stored() -> None:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a", b"data")
    with pytest.raises(BundleError) as caught:
        read_archive(memoryview(stream.getvalue()))
    assert caught.value.entry == "a"
