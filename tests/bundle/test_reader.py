from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ofa_export.bundle.archive import place
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.writer import BundleContents
from ofa_export.errors import BundleError, ConfigError

Archive = Callable[[Mapping[str, bytes]], memoryview]
NAMES = ("manifest.json", "graphs.toy", "embeddings.bin", "items.bin", "selftest.bin", "MODEL_CARD.md")
unchanged = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def _with_manifest(entries: Mapping[str, bytes], **changed: bytes) -> dict[str, bytes]:
    """The entries with some replaced and the manifest's sizes and digests made to fit, as a forger would."""
    merged = {**entries, **{name.replace("__", "."): data for name, data in changed.items()}}
    fields: dict[str, Any] = json.loads(merged["manifest.json"])
    for entry in fields["entries"]:
        data = merged[entry["name"]]
        entry.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    merged["manifest.json"] = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    return merged


def _rejected(data: memoryview | bytes, sentence: str, entry: str | None) -> None:
    with pytest.raises(BundleError, match=sentence) as caught:
        Bundle(memoryview(data))
    assert caught.value.entry == entry


def test_an_opened_bundle_gives_back_what_was_written(bundle_path: Path, contents: BundleContents) -> None:
    with Bundle.open(bundle_path) as bundle:
        assert bytes(bundle.graphs) == contents.graphs
        assert bundle.table.all_rows().tobytes() == contents.table.all_rows().tobytes()
        assert bundle.items == contents.items
        assert bundle.selftest.to_bytes() == contents.selftest.to_bytes()
        assert bundle.model_card == contents.model_card
        assert bundle.manifest.model_id == "toy"
        assert bundle.size == bundle_path.stat().st_size


def test_entries_come_in_order_and_aligned(bundle_data: bytes, entries: dict[str, bytes]) -> None:
    assert tuple(entries) == NAMES
    end = 0
    for name, data in entries.items():
        placement = place(name, len(data), header_start=end)
        assert bundle_data[placement.data_start :].startswith(data)
        end = placement.data_start + len(data)


def test_tables_taken_from_a_bundle_outlive_it(bundle_path: Path) -> None:
    with Bundle.open(bundle_path) as bundle:
        table, before = bundle.table, bundle.table.all_rows()
    assert np.array_equal(table.all_rows(), before)


@pytest.mark.integration
def test_a_file_that_shrinks_or_changes_while_it_is_open_changes_nothing(bundle_path: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from ofa_export.bundle.reader import Bundle; from pathlib import Path;"
        "bundle = Bundle.open(sys.argv[1]); before = bundle.table.lookup([0, 1]).tobytes(), bytes(bundle.graphs);"
        "path = Path(sys.argv[1]); path.write_bytes(bytes(100));"
        "after = bundle.table.lookup([0, 1]).tobytes(), bytes(bundle.graphs); bundle.items; assert after == before"
    )
    path = tmp_path / "mine.ofab"
    path.write_bytes(bundle_path.read_bytes())
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=60).returncode == 0


def test_closing_twice_is_harmless(bundle_path: Path) -> None:
    bundle = Bundle.open(bundle_path)
    bundle.close()
    bundle.close()


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.ofab", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            Bundle.open(path)


def test_empty_and_foreign_files_are_rejected(tmp_path: Path) -> None:
    for content in (b"", b"hello", b"PK\x05\x06" + bytes(18), bytes(10_000)):
        path = tmp_path / "x.ofab"
        path.write_bytes(content)
        with pytest.raises(BundleError):
            Bundle.open(path)


def test_every_truncation_is_rejected(bundle_data: bytes) -> None:
    for length in range(0, len(bundle_data), 61):
        with pytest.raises(BundleError):
            Bundle(memoryview(bundle_data[:length]))


@unchanged
@given(st.data())
def test_every_flipped_bit_is_rejected(bundle_data: bytes, data: st.DataObject) -> None:
    damaged = bytearray(bundle_data)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    if damaged != bundle_data:
        with pytest.raises(BundleError):
            Bundle(memoryview(damaged))


@unchanged
@given(st.data())
def test_bytes_cut_out_or_put_in_anywhere_are_rejected(bundle_data: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(bundle_data)))
    cut = data.draw(st.integers(0, 100))
    damaged = bundle_data[:at] + data.draw(st.binary(max_size=100)) + bundle_data[at + cut :]
    if damaged != bundle_data:
        with pytest.raises(BundleError):
            Bundle(memoryview(damaged))


@pytest.mark.parametrize("name", NAMES)
def test_a_byte_flipped_in_an_entry_names_it(bundle_data: bytes, entries: dict[str, bytes], name: str) -> None:
    damaged = bytearray(bundle_data)
    damaged[bundle_data.index(entries[name]) + len(entries[name]) // 2] ^= 0x10
    _rejected(damaged, "CRC-32", name)


@pytest.mark.parametrize("name", NAMES[1:])
def test_an_entry_changed_together_with_its_crc_names_it(
    entries: dict[str, bytes], archive_of: Archive, name: str
) -> None:
    changed = bytes([entries[name][0] ^ 1]) + entries[name][1:]
    _rejected(archive_of({**entries, name: changed}), "SHA-256", name)
    _rejected(archive_of({**entries, name: entries[name] + b"\0"}), r"manifest\.json says", name)


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_missing_entry_is_named(entries: dict[str, bytes], archive_of: Archive, name: str) -> None:
    _rejected(archive_of({key: data for key, data in entries.items() if key != name}), "missing", name)


def test_a_missing_manifest_is_named(entries: dict[str, bytes], archive_of: Archive) -> None:
    del (rest := dict(entries))["manifest.json"]
    _rejected(archive_of(rest), "first entry is not manifest.json", "graphs.toy")


def test_an_added_entry_is_named(entries: dict[str, bytes], archive_of: Archive) -> None:
    _rejected(archive_of({**entries, "extra.bin": b"x"}), "does not list it", "extra.bin")


def test_another_order_of_entries_is_rejected(entries: dict[str, bytes], archive_of: Archive) -> None:
    names = [NAMES[0], NAMES[2], NAMES[1], *NAMES[3:]]
    _rejected(archive_of({name: entries[name] for name in names}), r"not in the order of manifest\.json", None)


def test_a_file_over_its_own_budget_is_rejected(entries: dict[str, bytes], archive_of: Archive) -> None:
    text = entries["manifest.json"].replace(b'"budget_bytes":100000', b'"budget_bytes":5000')
    _rejected(archive_of({**entries, "manifest.json": text}), "over its own budget", "manifest.json")


def test_a_newer_bundle_says_so(entries: dict[str, bytes], archive_of: Archive) -> None:
    text = entries["manifest.json"].replace(b'"schema_version":"2.0"', b'"schema_version":"3.1"')
    _rejected(archive_of({**entries, "manifest.json": text}), "newer version", "manifest.json")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("embeddings.bin", b""),
        ("items.bin", b"OFAI"),
        ("selftest.bin", bytes(8)),
        ("MODEL_CARD.md", b"\xff\xfe\xff"),
    ],
)
def test_content_that_a_forger_signed_off_is_still_checked(
    entries: dict[str, bytes], archive_of: Archive, name: str, data: bytes
) -> None:
    forged = _with_manifest(entries, **{name.replace(".", "__"): data})
    with pytest.raises(BundleError) as caught:
        Bundle(archive_of(forged))
    assert caught.value.entry == name


@unchanged
@given(data=st.data(), name=st.sampled_from(["embeddings.bin", "items.bin", "selftest.bin"]))
def test_forged_content_raises_nothing_but_bundle_errors(
    entries: dict[str, bytes], archive_of: Archive, data: st.DataObject, name: str
) -> None:
    content = bytearray(entries[name])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    forged = archive_of(_with_manifest(entries, **{name.replace(".", "__"): bytes(content)}))
    try:
        bundle = Bundle(forged)
        assert np.isfinite(bundle.table.all_rows()).all()
        assert len(set(bundle.items.keys)) == bundle.table.items
    except BundleError as error:
        assert error.entry == name


def test_the_text_of_the_items_is_checked_when_it_is_first_asked_for(
    entries: dict[str, bytes], archive_of: Archive
) -> None:
    twice = entries["items.bin"][:16] + zlib.compress(
        zlib.decompress(entries["items.bin"][16:]).replace(b"K1\n", b"K0\n", 1)
    )
    bundle = Bundle(archive_of(_with_manifest(entries, items__bin=twice)))
    for _ in range(2):
        with pytest.raises(BundleError, match="'K0' appears twice") as caught:
            bundle.items  # noqa: B018 - reading it is what is tested
        assert caught.value.entry == "items.bin"


def test_case_counts_must_agree(entries: dict[str, bytes], archive_of: Archive) -> None:
    text = entries["manifest.json"].replace(b'"cases":3', b'"cases":4')
    _rejected(archive_of({**entries, "manifest.json": text}), "3 cases", "selftest.bin")


@pytest.mark.integration
def test_opening_and_using_a_bundle_loads_no_framework(bundle_path: Path) -> None:
    program = (
        "import sys; from ofa_export.bundle.reader import Bundle; import ofa_export.device.loop, "
        "ofa_export.device.selftest, ofa_export.bundle.writer;"
        "bundle = Bundle.open(sys.argv[1]); bundle.table.lookup([0, 1]); bundle.close();"
        "heavy = {'torch', 'tensorflow', 'executorch', 'ai_edge_litert', 'polars'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program, str(bundle_path)], check=True, timeout=60)
