"""Session packs: what comes back, and reading them as if their sender were hostile."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ofa_export.bundle.archive import write_archive
from ofa_export.bundle.archive_reader import read_archive
from ofa_export.bundle.codes import EncodedTable, encode
from ofa_export.bundle.items import ItemCatalogue
from ofa_export.bundle.manifest import Manifest
from ofa_export.bundle.session_fields import ENTRY
from ofa_export.bundle.session_pack import SessionPack
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.tile_order import plane_order
from ofa_export.errors import ConfigError, SessionPackError

Archive = Callable[[Mapping[str, bytes]], memoryview]
Fields = dict[str, Any]
ROWS = (0, 7, 8, 21, 22)
NAMES = (ENTRY, "candidates.bin", "items.bin")
unchanged = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def named(rows: tuple[int, ...]) -> ItemCatalogue:
    return ItemCatalogue(keys=tuple(f"K{row}" for row in rows), titles=tuple(f"Täßchen {row}" for row in rows))


def pack_of(encoded: EncodedTable, rows: tuple[int, ...], **identity: str) -> SessionPack:
    identity = {"checkpoint_sha256": "ab" * 32, "group": "all", **identity}
    return SessionPack.of_rows(encoded, rows, named(rows), **identity)


def written(pack: SessionPack) -> bytes:
    stream = BytesIO()
    write_archive(stream, pack.entries())
    return stream.getvalue()


@pytest.fixture(scope="module")
def pack_data(encoded: EncodedTable) -> bytes:
    return written(pack_of(encoded, ROWS))


@pytest.fixture(scope="module")
def parts(pack_data: bytes) -> dict[str, bytes]:
    return {name: bytes(data) for name, data in read_archive(memoryview(pack_data)).items()}


def rejected(data: memoryview | bytes, sentence: str, entry: str | None) -> None:
    with pytest.raises(SessionPackError, match=sentence) as caught:
        SessionPack.from_bytes(memoryview(data))
    assert caught.value.entry == entry


def forged(parts: Mapping[str, bytes], change: Callable[[Fields], object], **entries: bytes) -> dict[str, bytes]:
    """The parts with some replaced, `session.json` changed, and its sizes and digests made to fit."""
    merged = {**parts, **{name.replace("__", "."): data for name, data in entries.items()}}
    fields: Fields = json.loads(merged[ENTRY])
    for entry in fields["entries"]:
        data = merged[entry["name"]]
        entry.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    change(fields)
    return {**merged, ENTRY: json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()}


@st.composite
def tables(draw: st.DrawFn) -> tuple[EncodedTable, tuple[int, ...]]:
    """A coded table of any shape, some of its blocks nothing but zeros, and some of its rows."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=6))
    blocks, items = draw(st.integers(1, 4)), sum(sizes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.normal(size=(items, 8 * blocks)).astype(np.float32) * 10.0 ** rng.integers(-3, 4)
    values[:, :8] *= draw(st.sampled_from([0, 1]))
    rows = draw(st.sets(st.integers(0, items - 1), min_size=1))
    return encode(values.astype(np.float32), group_sizes=sizes), tuple(sorted(rows))


@given(tables())
def test_rows_come_back_as_a_table_with_every_plane_gives_them(drawn: tuple[EncodedTable, tuple[int, ...]]) -> None:
    encoded, rows = drawn
    data = written(pack_of(encoded, rows))
    read = SessionPack.from_bytes(memoryview(data))
    table = ElasticTable.from_encoded(encoded, plane_order(*encoded.rms.shape))
    places = np.arange(len(rows))[::-1]
    assert read.lookup(places).tobytes() == table.lookup(np.array(rows)[::-1]).tobytes()
    assert read.items == named(rows)
    assert written(read) == data
    assert read.bytes == len(data)
    assert len(read) == len(rows)


def test_scales_travel_only_for_groups_that_occur(encoded: EncodedTable) -> None:
    assert pack_of(encoded, (1, 3)).fields.candidates.group_sizes == (2,)
    assert pack_of(encoded, (1, 16, 22)).rms.shape == (2, 2)


@pytest.mark.parametrize("rows", [(), (1, 1), (2, 1), (-1, 0), (22, 23)])
def test_rows_that_are_no_pack_are_refused(encoded: EncodedTable, rows: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="session pack"):
        SessionPack.of_rows(encoded, rows, named((1, 2)), checkpoint_sha256="ab" * 32, group="0")


def test_too_many_items_are_refused(encoded: EncodedTable) -> None:
    with pytest.raises(ConfigError, match=r"1 to 65,536 items, not 65,537.*a bundle is for"):
        SessionPack.of_rows(encoded, range(65_537), named((1,)), checkpoint_sha256="ab" * 32, group="0")


def test_keys_for_other_items_are_refused(encoded: EncodedTable) -> None:
    with pytest.raises(ConfigError, match="keys of 2 items"):
        SessionPack.of_rows(encoded, (1, 2, 3), named((1, 2)), checkpoint_sha256="ab" * 32, group="0")


def test_a_file_is_read_and_checked(pack_data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "s.ofas"
    path.write_bytes(pack_data)
    assert SessionPack.open(path).items == named(ROWS)
    with pytest.raises(ConfigError, match=r"The session pack .* cannot be read"):
        SessionPack.open(tmp_path / "none")
    path.write_bytes(b"")
    with pytest.raises(SessionPackError, match="is empty"):
        SessionPack.open(path)


def test_every_truncation_is_rejected(pack_data: bytes) -> None:
    for length in range(0, len(pack_data), 7):
        with pytest.raises(SessionPackError):
            SessionPack.from_bytes(memoryview(pack_data[:length]))


@unchanged
@given(st.data())
def test_every_flipped_bit_is_rejected(pack_data: bytes, data: st.DataObject) -> None:
    damaged = bytearray(pack_data)
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SessionPackError):
        SessionPack.from_bytes(memoryview(damaged))


@unchanged
@given(st.data())
def test_bytes_cut_out_or_put_in_anywhere_are_rejected(pack_data: bytes, data: st.DataObject) -> None:
    at, cut = data.draw(st.integers(0, len(pack_data))), data.draw(st.integers(0, 100))
    damaged = pack_data[:at] + data.draw(st.binary(max_size=100)) + pack_data[at + cut :]
    if damaged != pack_data:
        with pytest.raises(SessionPackError):
            SessionPack.from_bytes(memoryview(damaged))


@unchanged
@given(data=st.data(), name=st.sampled_from(NAMES[1:]))
def test_forged_content_raises_nothing_but_rejections(
    parts: dict[str, bytes], archive_of: Archive, data: st.DataObject, name: str
) -> None:
    content = bytearray(parts[name])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    changed = archive_of(forged(parts, lambda fields: None, **{name.replace(".", "__"): bytes(content)}))
    try:
        pack = SessionPack.from_bytes(changed)
    except SessionPackError as error:
        assert error.entry == name
    else:
        assert np.isfinite(pack.lookup(range(len(pack)))).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_byte_flipped_in_an_entry_names_it(pack_data: bytes, parts: dict[str, bytes], name: str) -> None:
    damaged = bytearray(pack_data)
    damaged[pack_data.index(parts[name]) + len(parts[name]) // 2] ^= 0x10
    rejected(damaged, "CRC-32", name)


@pytest.mark.parametrize("name", NAMES[1:])
def test_an_entry_changed_together_with_its_crc_names_it(
    parts: dict[str, bytes], archive_of: Archive, name: str
) -> None:
    changed = bytes([parts[name][0] ^ 1]) + parts[name][1:]
    rejected(archive_of({**parts, name: changed}), "SHA-256 is not the one", name)
    rejected(archive_of({**parts, name: parts[name] + b"\0"}), r"session\.json says", name)
    rejected(archive_of({key: data for key, data in parts.items() if key != name}), "missing", name)


def test_other_entries_and_other_orders_are_rejected(parts: dict[str, bytes], archive_of: Archive) -> None:
    rejected(archive_of({**parts, "extra.bin": b"x"}), "does not list it", "extra.bin")
    rejected(archive_of({name: parts[name] for name in (NAMES[0], NAMES[2], NAMES[1])}), "not in the order", None)


def test_a_bundle_is_not_a_session_pack(bundle_data: bytes) -> None:
    rejected(bundle_data, r"first entry is not session\.json", "manifest.json")


@pytest.mark.parametrize(
    ("version", "sentence"), [("3.0", "newer version of ofa-export"), ("1.0", "older version"), ("one", "such as")]
)
def test_versions_that_this_reader_does_not_know(
    parts: dict[str, bytes], archive_of: Archive, version: str, sentence: str
) -> None:
    changed = forged(parts, lambda fields: fields.update(schema_version=version, anything={"new": 1}))
    rejected(archive_of(changed), sentence, ENTRY)


LIES: dict[str, tuple[Callable[[Fields], object], str]] = {
    "unknown key": (lambda f: f.update(note="x"), "note"),
    "missing key": (lambda f: f.pop("group"), "group"),
    "no items": (lambda f: f["candidates"].update(items=0, group_sizes=[]), "candidates.items"),
    "too many items": (lambda f: f["candidates"].update(items=2**16 + 1), "candidates.items"),
    "other sizes": (lambda f: f["candidates"].update(group_sizes=[2, 2]), "add up to 4 items, not to 5"),
    "an empty group": (lambda f: f["candidates"].update(group_sizes=[5, 0]), "group_sizes"),
    "narrow": (lambda f: f["candidates"].update(width=12), "candidates.width"),
    "huge width": (lambda f: f["candidates"].update(width=8192), "candidates.width"),
    "digest": (lambda f: f.update(checkpoint_sha256="abc"), "checkpoint_sha256"),
    "no entries": (lambda f: f.update(entries=[]), "the entries must be"),
    "swapped entries": (lambda f: f["entries"].reverse(), "the entries must be"),
    "escaping name": (lambda f: f["entries"][0].update(name="../x"), "entries.0.name"),
}


@pytest.mark.parametrize("lie", LIES)
def test_descriptions_that_lie_are_rejected(parts: dict[str, bytes], archive_of: Archive, lie: str) -> None:
    change, sentence = LIES[lie]
    rejected(archive_of(forged(parts, change)), sentence, ENTRY)


def test_a_description_that_is_too_long_or_not_compact(parts: dict[str, bytes], archive_of: Archive) -> None:
    rejected(archive_of({**parts, ENTRY: parts[ENTRY] + b" " * 2**17}), "at most 131,072", ENTRY)
    rejected(archive_of({**parts, ENTRY: parts[ENTRY].replace(b",", b", ", 1)}), "canonical JSON", ENTRY)


def test_contents_that_a_forger_signed_off_are_still_checked(parts: dict[str, bytes], archive_of: Archive) -> None:
    candidates = parts["candidates.bin"]
    for data, sentence in (
        (candidates[:-1], "need"),
        (candidates + b"\0", "need"),
        (np.float32(np.nan).tobytes() + candidates[4:], "not finite"),
        (np.float32(-1).tobytes() + candidates[4:], "negative"),
        (np.float32(3e38).tobytes() + candidates[4:], "too large for a float32"),
    ):
        rejected(archive_of(forged(parts, lambda fields: None, candidates__bin=data)), sentence, "candidates.bin")
    fewer = named(ROWS[1:]).to_bytes()
    rejected(archive_of(forged(parts, lambda fields: None, items__bin=fewer)), "4 items", "items.bin")

    def wider(fields: Fields) -> None:
        fields["candidates"]["width"] = 24

    rejected(archive_of(forged(parts, wider)), "need", "candidates.bin")


def test_a_pack_serves_its_own_checkpoint_group_and_width(encoded: EncodedTable, entries: dict[str, bytes]) -> None:
    manifest = Manifest.from_bytes(entries["manifest.json"])
    pack_of(encoded, ROWS).check_serves(manifest)
    wide = encode(np.ones((23, 24), np.float32), group_sizes=(23,))
    for other, sentence in (
        (pack_of(encoded, ROWS, checkpoint_sha256="cd" * 32), f"{'cd' * 32}.*{'ab' * 32}.*--for BUNDLE"),
        (pack_of(encoded, ROWS, group="1"), "user group 1.*for user group all.*--group all"),
        (pack_of(wide, ROWS), "24 wide, those of the bundle 16"),
    ):
        with pytest.raises(SessionPackError, match=sentence):
            other.check_serves(manifest)
