from __future__ import annotations

import zipfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.bundle.archive import ALIGNMENT, archive_bytes, place, write_archive
from ofa_export.bundle.archive_reader import read_archive
from ofa_export.errors import ConfigError

names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
contents = st.lists(st.tuples(names, st.binary(max_size=300)), min_size=1, max_size=6, unique_by=lambda item: item[0])


def _written(entries: list[tuple[str, bytes]]) -> bytes:
    stream = BytesIO()
    assert write_archive(stream, entries) == stream.tell()
    return stream.getvalue()


@given(contents)
def test_the_size_is_known_without_writing(entries: list[tuple[str, bytes]]) -> None:
    assert archive_bytes((name, len(data)) for name, data in entries) == len(_written(entries))


@given(contents)
def test_what_is_written_is_read_back_aligned(entries: list[tuple[str, bytes]]) -> None:
    data = _written(entries)
    found = read_archive(memoryview(data))
    assert [(name, bytes(view)) for name, view in found.items()] == entries
    end = 0
    for name, view in found.items():
        start = place(name, len(view), header_start=end).data_start
        assert start % ALIGNMENT == 0
        assert data[start : start + len(view)] == view
        end = start + len(view)


def test_other_zip_tools_can_read_it() -> None:
    entries = [("manifest.json", b"{}"), ("graphs.pte", bytes(1000)), ("empty", b"")]
    with zipfile.ZipFile(BytesIO(_written(entries))) as archive:
        assert archive.testzip() is None
        assert [(info.filename, archive.read(info)) for info in archive.infolist()] == entries
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        assert all(info.date_time == (1980, 1, 1, 0, 0, 0) for info in archive.infolist())


def test_the_same_entries_give_the_same_bytes() -> None:
    assert _written([("a", b"1"), ("b", b"2")]) == _written([("a", b"1"), ("b", b"2")])


@given(contents, st.integers(1, 200))
def test_a_larger_entry_never_makes_a_smaller_archive(entries: list[tuple[str, bytes]], more: int) -> None:
    sizes = [(name, len(data)) for name, data in entries]
    larger = [(sizes[0][0], sizes[0][1] + more), *sizes[1:]]
    assert archive_bytes(larger) >= archive_bytes(sizes)


def test_two_entries_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two entries of one name"):
        write_archive(BytesIO(), [("a", b""), ("a", b"")])
