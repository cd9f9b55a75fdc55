"""Reading deltas as if their sender were hostile, and applying what was forged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ofa_export.bundle.archive import archive_bytes, write_archive
from ofa_export.bundle.archive_reader import read_archive
from ofa_export.bundle.delta import ENTRY, Delta, apply_delta, make_delta
from ofa_export.bundle.embeddings import embeddings_bytes
from ofa_export.bundle.writer import BundleContents, write_bundle
from ofa_export.errors import ConfigError, DeltaError

Archive = Callable[[Mapping[str, bytes]], memoryview]
Fields = dict[str, Any]
unchanged = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="session")
def base(contents: BundleContents, tmp_path_factory: pytest.TempPathFactory) -> memoryview:
    return written(tmp_path_factory.mktemp("base") / "a", contents, 10)


@pytest.fixture(scope="session")
def result(contents: BundleContents, tmp_path_factory: pytest.TempPathFactory) -> memoryview:
    return written(tmp_path_factory.mktemp("result") / "b", contents, 30)


@pytest.fixture(scope="session")
def delta_data(base: memoryview, result: memoryview) -> bytes:
    stream = BytesIO()
    write_archive(stream, make_delta(base, result).entries())
    return stream.getvalue()


@pytest.fixture(scope="session")
def parts(delta_data: bytes) -> dict[str, bytes]:
    return {name: bytes(data) for name, data in read_archive(memoryview(delta_data)).items()}


def written(path: Path, contents: BundleContents, tiles: int) -> memoryview:
    write_bundle(path, contents, tiles=tiles, budget=50_000)
    return memoryview(path.read_bytes())


def forged(parts: Mapping[str, bytes], change: Callable[[Fields], object]) -> dict[str, bytes]:
    """The parts with another `delta.json`, as canonical as the true one."""
    fields = json.loads(parts[ENTRY])
    change(fields)
    return {**parts, ENTRY: json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()}


def rejected(data: memoryview | bytes, sentence: str, entry: str | None) -> None:
    with pytest.raises(DeltaError, match=sentence) as caught:
        Delta.from_bytes(memoryview(data))
    assert caught.value.entry == entry


def entry_of(fields: Fields, name: str) -> Fields:
    return next(entry for entry in fields["entries"] if entry["name"] == name)


def fit(fields: Fields) -> None:
    """Make the size of the result what the entries add up to."""
    sizes = [(e["name"], e["kept"] + (e["part"]["bytes"] if e["part"] else 0)) for e in fields["entries"]]
    fields["result"]["bytes"] = archive_bytes(sizes)


def test_what_is_read_is_what_was_written(delta_data: bytes, parts: dict[str, bytes]) -> None:
    delta = Delta.from_bytes(memoryview(delta_data))
    assert delta.entries() == list(parts.items())
    assert delta.bytes == len(delta_data)


def test_every_truncation_is_rejected(delta_data: bytes) -> None:
    for length in range(0, len(delta_data), 7):
        with pytest.raises(DeltaError):
            Delta.from_bytes(memoryview(delta_data[:length]))


@unchanged
@given(st.data())
def test_every_flipped_bit_is_rejected(delta_data: bytes, data: st.DataObject) -> None:
    damaged = bytearray(delta_data)
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DeltaError):
        Delta.from_bytes(memoryview(damaged))


@unchanged
@given(st.data())
def test_bytes_cut_out_or_put_in_anywhere_are_rejected(delta_data: bytes, data: st.DataObject) -> None:
    at, cut = data.draw(st.integers(0, len(delta_data))), data.draw(st.integers(0, 100))
    damaged = delta_data[:at] + data.draw(st.binary(max_size=100)) + delta_data[at + cut :]
    if damaged != delta_data:
        with pytest.raises(DeltaError):
            Delta.from_bytes(memoryview(damaged))


@pytest.mark.parametrize("name", [ENTRY, "manifest.json", "embeddings.bin"])
def test_a_byte_flipped_in_an_entry_names_it(delta_data: bytes, parts: dict[str, bytes], name: str) -> None:
    damaged = bytearray(delta_data)
    damaged[delta_data.index(parts[name]) + len(parts[name]) // 2] ^= 0x10
    rejected(damaged, "CRC-32", name)


@pytest.mark.parametrize("name", ["manifest.json", "embeddings.bin"])
def test_a_part_changed_together_with_its_crc_names_it(parts: dict[str, bytes], archive_of: Archive, name: str) -> None:
    changed = bytes([parts[name][0] ^ 1]) + parts[name][1:]
    rejected(archive_of({**parts, name: changed}), "SHA-256 is not the one", name)
    rejected(archive_of({**parts, name: parts[name] + b"\0"}), "delta.json says", name)
    rejected(archive_of({key: data for key, data in parts.items() if key != name}), "missing", name)


def test_parts_that_are_not_listed_or_not_in_order(parts: dict[str, bytes], archive_of: Archive) -> None:
    rejected(archive_of({**parts, "extra.bin": b"x"}), "does not list it", "extra.bin")
    rejected(archive_of({**parts, "items.bin": b"x"}), "does not list it", "items.bin")
    names = [ENTRY, "embeddings.bin", "manifest.json"]
    rejected(archive_of({name: parts[name] for name in names}), "not in the order", None)


def test_a_bundle_is_not_a_delta(result: memoryview) -> None:
    rejected(result, r"first entry is not delta\.json", "manifest.json")


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a\\b", ".hidden"])
def test_names_that_could_escape_are_rejected(parts: dict[str, bytes], archive_of: Archive, name: str) -> None:
    def rename(fields: Fields) -> None:
        entry_of(fields, "embeddings.bin")["name"] = name

    rejected(archive_of(forged(parts, rename)), "name", ENTRY)
    rejected(archive_of({**parts, name: b"x"}), "not a plain file name", name)


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("3.0", "newer version of ofa-export"),
        ("1.0", "older version of ofa-export"),
        ("one", "schema_version"),
        ("2.x", "schema"),
    ],
)
def test_versions_that_this_reader_does_not_know(
    parts: dict[str, bytes], archive_of: Archive, version: str, sentence: str
) -> None:
    changed = forged(parts, lambda fields: fields.update(schema_version=version, anything={"new": 1}))
    rejected(archive_of(changed), sentence, ENTRY)


LIES: dict[str, tuple[Callable[[Fields], object], str]] = {
    "unknown key": (lambda f: f.update(note="x"), "note"),
    "missing key": (lambda f: f.pop("base"), "base"),
    "no entries": (lambda f: f.update(entries=[]), "entries"),
    "too many entries": (lambda f: f.update(entries=f["entries"] * 20), "entries"),
    "twice": (lambda f: f["entries"].append(f["entries"][0]), "different names"),
    "delta.json inside": (lambda f: entry_of(f, "items.bin").update(name=ENTRY), "different names"),
    "negative": (lambda f: entry_of(f, "items.bin").update(kept=-1), "kept"),
    "beyond 4 GiB": (lambda f: entry_of(f, "items.bin").update(kept=2**32), "kept"),
    "not a number": (lambda f: entry_of(f, "items.bin").update(kept="9"), "kept"),
    "other size": (lambda f: f["result"].update(bytes=9), "the entries make a file of"),
    "kept more": (lambda f: entry_of(f, "items.bin").update(kept=2**31), "the entries make a file of"),
    "empty part": (lambda f: entry_of(f, "items.bin").update(part={"bytes": 0, "sha256": "0" * 64}), "is empty"),
    "no digest": (lambda f: f["base"].update(sha256="abc"), "sha256"),
}


@pytest.mark.parametrize("lie", LIES)
def test_descriptions_that_lie_are_rejected(parts: dict[str, bytes], archive_of: Archive, lie: str) -> None:
    change, sentence = LIES[lie]
    rejected(archive_of(forged(parts, change)), sentence, ENTRY)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"\xff", b"[" * 20_000, b"nul"])
def test_a_description_that_is_no_json(parts: dict[str, bytes], archive_of: Archive, text: bytes) -> None:
    rejected(archive_of({**parts, ENTRY: text}), "schema_version", ENTRY)


def test_a_description_that_is_too_long_or_not_compact(parts: dict[str, bytes], archive_of: Archive) -> None:
    rejected(archive_of({**parts, ENTRY: parts[ENTRY] + b" " * 2**16}), "at most 65,536", ENTRY)
    rejected(archive_of({**parts, ENTRY: parts[ENTRY].replace(b",", b", ", 1)}), "canonical JSON", ENTRY)
    twice = parts[ENTRY].replace(b'{"base"', b'{"schema_version":"2.0","base"', 1)
    rejected(archive_of({**parts, ENTRY: twice}), "canonical JSON", ENTRY)


def unusable(base: memoryview, data: memoryview, sentence: str, entry: str | None) -> None:
    with pytest.raises(DeltaError, match=sentence) as caught:
        apply_delta(base, Delta.from_bytes(data))
    assert caught.value.entry == entry


def test_another_base_is_named_with_both_digests(
    base: memoryview, result: memoryview, delta_data: bytes, contents: BundleContents, tmp_path: Path
) -> None:
    other, data = written(tmp_path / "x", contents, 11), memoryview(delta_data)
    wanted, given_one = (hashlib.sha256(bundle).hexdigest() for bundle in (base, other))
    unusable(other, data, f"made for another bundle.*{wanted}.*{given_one}", None)
    unusable(result, data, "already its result", None)
    flipped = bytearray(base)
    flipped[len(flipped) // 2] ^= 1
    unusable(memoryview(flipped), data, "made for another bundle", None)


def test_a_base_of_another_size_is_refused_whatever_its_digest(
    base: memoryview, parts: dict[str, bytes], archive_of: Archive
) -> None:
    def longer(fields: Fields) -> None:
        fields["base"]["bytes"] += 1

    unusable(base, archive_of(forged(parts, longer)), "made for another bundle", None)


def test_bytes_that_the_base_does_not_have_are_not_promised(
    base: memoryview, parts: dict[str, bytes], archive_of: Archive
) -> None:
    def more(fields: Fields) -> None:
        entry_of(fields, "items.bin")["kept"] += 2**30
        fit(fields)

    def renamed(fields: Fields) -> None:
        entry_of(fields, "items.bin")["name"] = "other.bin"
        fit(fields)

    unusable(base, archive_of(forged(parts, more)), "it keeps .* bytes of an entry of which", "items.bin")
    unusable(base, archive_of(forged(parts, renamed)), "of which the bundle given has 0", "other.bin")


def test_another_result_than_promised_is_rejected(
    base: memoryview, parts: dict[str, bytes], archive_of: Archive
) -> None:
    def less(fields: Fields) -> None:
        entry_of(fields, "items.bin")["kept"] -= 1
        fit(fields)

    unusable(base, archive_of(forged(parts, less)), "does not have the SHA-256 that it promises", None)


def test_a_result_that_is_no_bundle_is_rejected_though_all_digests_hold(
    base: memoryview, parts: dict[str, bytes], archive_of: Archive
) -> None:
    held = read_archive(base)

    def only_items(fields: Fields) -> None:
        fields["entries"] = [{"name": "items.bin", "kept": len(held["items.bin"]), "part": None}]
        fit(fields)
        stream = BytesIO()
        write_archive(stream, [("items.bin", held["items.bin"])])
        fields["result"]["sha256"] = hashlib.sha256(stream.getvalue()).hexdigest()

    alone = {ENTRY: forged(parts, only_items)[ENTRY]}
    unusable(base, archive_of(alone), "not a bundle: the first entry is not manifest.json", "items.bin")


FLOOR, ALL = 3, 48


@pytest.fixture(scope="session")
def bundle_of(tmp_path_factory: pytest.TempPathFactory):
    path: Path = tmp_path_factory.mktemp("delta") / "a.ofab"

    def make(contents: BundleContents, tiles: int, budget: int = 50_000) -> memoryview:
        write_bundle(path, contents, tiles=tiles, budget=budget, force=True)
        return memoryview(path.read_bytes())

    return make


def sent(delta: Delta) -> Delta:
    """The delta as it arrives: written and read."""
    stream = BytesIO()
    assert write_archive(stream, delta.entries()) == delta.bytes
    return Delta.from_bytes(memoryview(stream.getvalue()))


@given(st.integers(FLOOR, ALL), st.integers(FLOOR, ALL), st.integers(9_000, 2_000_000), st.integers(9_000, 2_000_000))
def test_a_delta_makes_the_second_bundle_of_the_first_up_and_down(
    contents: BundleContents, bundle_of, tiles_a: int, tiles_b: int, budget_a: int, budget_b: int
) -> None:
    a, b = bundle_of(contents, tiles_a, budget_a), bundle_of(contents, tiles_b, budget_b)
    if a == b:
        return
    assert apply_delta(a, sent(make_delta(a, b))) == b


def test_going_up_carries_the_missing_tail_of_tiles_and_the_manifest(contents: BundleContents, bundle_of) -> None:
    delta = make_delta(bundle_of(contents, 10), bundle_of(contents, 30))
    assert list(delta.parts) == ["manifest.json", "embeddings.bin"]
    assert len(delta.parts["embeddings.bin"]) == embeddings_bytes(contents.table, 30) - embeddings_bytes(
        contents.table, 10
    )


def test_going_down_carries_the_manifest_alone(contents: BundleContents, bundle_of) -> None:
    assert list(make_delta(bundle_of(contents, 30), bundle_of(contents, 10)).parts) == ["manifest.json"]


def test_a_changed_entry_travels_from_where_it_changes(contents: BundleContents, bundle_of) -> None:
    other = replace(contents, model_card="# Toy\nBetter.\n")
    a, b = bundle_of(contents, ALL), bundle_of(other, ALL)
    delta = make_delta(a, b)
    assert list(delta.parts) == ["manifest.json", "MODEL_CARD.md"]
    assert bytes(delta.parts["MODEL_CARD.md"]) == b"Better.\n"
    assert apply_delta(a, sent(delta)) == b


def test_graphs_of_another_runtime_travel_whole_and_the_table_stays(contents: BundleContents, bundle_of) -> None:
    other = replace(contents, graph_entry="graphs.other", graphs=b"other" * 50)
    a, b = bundle_of(contents, 20), bundle_of(other, 30)
    delta = make_delta(a, b)
    assert list(delta.parts) == ["manifest.json", "graphs.other", "embeddings.bin"]
    assert bytes(delta.parts["graphs.other"]) == other.graphs
    assert apply_delta(a, sent(delta)) == b


def test_an_entry_that_became_empty_or_was_empty(contents: BundleContents, bundle_of) -> None:
    a, b = bundle_of(contents, ALL), bundle_of(replace(contents, model_card=""), ALL)
    assert apply_delta(a, sent(make_delta(a, b))) == b
    assert apply_delta(b, sent(make_delta(b, a))) == a


def test_the_same_bundle_twice_is_refused(contents: BundleContents, bundle_of) -> None:
    with pytest.raises(ConfigError, match="same file, byte for byte"):
        make_delta(bundle_of(contents, 9), bundle_of(contents, 9))


def test_bundles_with_too_little_in_common_are_refused(contents: BundleContents, bundle_of) -> None:
    other = replace(contents, graphs=bytes(30_000), model_card="x" * 5_000)
    with pytest.raises(ConfigError, match=r"too little in common\. Send the second one"):
        make_delta(bundle_of(contents, ALL), _stranger(bundle_of(other, ALL)))


def _stranger(bundle: memoryview) -> memoryview:
    """An archive with the names of a bundle and nothing else of it."""
    stream = BytesIO()
    write_archive(stream, [(name, bytes(255 - byte for byte in data)) for name, data in read_archive(bundle).items()])
    return memoryview(stream.getvalue())


def test_the_same_bundles_give_the_same_delta(contents: BundleContents, bundle_of) -> None:
    a, b = bundle_of(contents, 10), bundle_of(contents, 20)
    first, second = (make_delta(a, b).entries() for _ in range(2))
    assert first == second
