from __future__ import annotations

import io
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from ofa_export.apk.apk_archive import ApkEntry, write_apk

NAMES = st.lists(st.text("abcü/", min_size=1, max_size=20), min_size=1, max_size=6, unique=True)


def written(entries: list[ApkEntry]) -> bytes:
    stream = io.BytesIO()
    write_apk(stream, entries)
    return stream.getvalue()


def data_start(archive: bytes, entry: zipfile.ZipInfo) -> int:
    start = entry.header_offset
    name, extra = (int.from_bytes(archive[start + at : start + at + 2], "little") for at in (26, 28))
    return start + 30 + name + extra


@given(NAMES, st.data())
def test_stored_entries_are_aligned_and_all_come_back(names: list[str], data: st.DataObject) -> None:
    alignments = st.sampled_from([None, 4, 64, 16_384])
    entries = [
        ApkEntry(name=name, content=data.draw(st.binary(max_size=300)), alignment=data.draw(alignments))
        for name in names
    ]
    content = written(entries)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == names
        for entry, info in zip(entries, archive.infolist(), strict=True):
            assert archive.read(info) == entry.content
            assert info.compress_type == (zipfile.ZIP_DEFLATED if entry.alignment is None else zipfile.ZIP_STORED)
            if entry.alignment:
                assert data_start(content, info) % entry.alignment == 0
    assert written(entries) == content
