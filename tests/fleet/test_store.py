from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

import pytest

from ofa_export.bundle.document import Entry
from ofa_export.errors import ConfigError, FleetError, OutputError
from ofa_export.fleet.index import VERSION, FleetBundle, FleetIndex
from ofa_export.fleet.store import FleetStore

INDEX = FleetIndex(
    version=VERSION,
    checkpoint_sha256="0" * 64,
    bundles=(
        FleetBundle(
            name="a.ofab",
            runtime="litert",
            group=0,
            budget_bytes=10,
            bytes=9,
            tiles=1,
            tiles_total=2,
            ndcg_at_10="0.1000",
        ),
    ),
)


def entry(content: bytes) -> Entry:
    return Entry(name="items.bin", bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FleetStore:
    return FleetStore(str(tmp_path / "fleet") if request.param == "folder" else f"memory://{secrets.token_hex(8)}")


def test_the_plan_can_be_read_back(store: FleetStore) -> None:
    assert store.is_free()
    assert not store.exists()
    store.write_index(INDEX)
    assert store.exists()
    assert not store.is_free()
    assert store.index() == INDEX


def test_an_entry_of_two_bundles_is_stored_once(store: FleetStore) -> None:
    shared, own = b"shared" * 100, b"own"
    store.write_bundle("a.ofab", b"{}", [(entry(shared), shared)])
    store.write_bundle("b.ofab", b"{}", [(entry(shared), memoryview(shared)), (entry(own), own)])
    assert store.stored_bytes() == len(shared) + len(own) + 2 * len(b"{}")
    assert store.read_entry(entry(shared)) == shared


def test_an_entry_that_was_cut_off_is_written_again(tmp_path: Path) -> None:
    store, content = FleetStore(str(tmp_path)), b"x" * 50
    store.write_bundle("a.ofab", b"{}", [(entry(content), content)])
    path = tmp_path / "entries" / entry(content).sha256
    path.write_bytes(content[:20])
    with pytest.raises(FleetError, match=r"damaged\. Delete it"):
        store.read_entry(entry(content))
    store.write_bundle("a.ofab", b"{}", [(entry(content), content)])
    assert store.read_entry(entry(content)) == content


def test_a_damaged_entry_is_not_handed_out(tmp_path: Path) -> None:
    store, content = FleetStore(str(tmp_path)), b"x" * 50
    store.write_bundle("a.ofab", b"{}", [(entry(content), content)])
    (tmp_path / "entries" / entry(content).sha256).write_bytes(b"y" * 50)
    with pytest.raises(FleetError, match=r"damaged\. Delete it"):
        store.read_entry(entry(content))


def test_what_is_not_there_is_named(store: FleetStore) -> None:
    with pytest.raises(FleetError, match="holds no fleet"):
        store.index()
    with pytest.raises(FleetError, match=r"lacks bundles/a.ofab.json. Run the same `fleet` command with --resume"):
        store.manifest("a.ofab")
    assert not store.complete("a.ofab")


@pytest.mark.parametrize(
    "text",
    ["", "{}", INDEX.to_bytes().decode().replace("2.0", "3.0"), INDEX.to_bytes().decode().replace("a.of", "../a.of")],
)
def test_a_foreign_plan_is_rejected(tmp_path: Path, text: str) -> None:
    (tmp_path / "fleet.json").write_text(text)
    with pytest.raises(FleetError, match=r"fleet.json is damaged or of another version"):
        FleetStore(str(tmp_path)).index()


def test_clearing_removes_a_fleet_and_nothing_else(tmp_path: Path) -> None:
    store = FleetStore(str(tmp_path))
    store.write_index(INDEX)
    store.write_bundle("a.ofab", b"{}", [(entry(b"x"), b"x")])
    (tmp_path / "notes.txt").write_text("mine")
    store.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_place_is_free_if_there_is_only_what_a_killed_writer_left(tmp_path: Path) -> None:
    store = FleetStore(str(tmp_path))
    (tmp_path / ".parts").mkdir()
    (tmp_path / ".parts" / "0123").write_bytes(b"half")
    assert store.is_free()
    (tmp_path / "notes.txt").write_text("mine")
    assert not store.is_free()
    assert not FleetStore(str(tmp_path / "notes.txt")).is_free()


def test_urls_that_nobody_knows_are_refused() -> None:
    with pytest.raises(ConfigError, match="'nosuch://x' is neither a folder nor a URL that fsspec knows"):
        FleetStore("nosuch://x")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be used"):
        FleetStore(str(tmp_path / "file" / "fleet")).write_index(INDEX)
