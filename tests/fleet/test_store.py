"""The store of a fleet in each kind of place: a folder, a real S3 server on loopback, the memory of this process."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from ofa_export.errors import FleetError, OutputError, StoreError
from ofa_export.fleet.index import FleetIndex
from ofa_export.fleet.store import FleetStore
from ofa_export.fleet.url_folder import UrlFolder

Make = Callable[[FleetStore], None]


@pytest.fixture(params=["folder", "memory", pytest.param("s3", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FleetStore:
    if request.param == "s3":
        request.getfixturevalue("s3")
        return FleetStore("s3://fleets/some/where")
    return FleetStore(str(tmp_path / "fleet") if request.param == "folder" else f"memory://{secrets.token_hex(8)}")


def names(store: FleetStore) -> set[str]:
    """Everything that lies in a store."""
    folder = UrlFolder(store.url)
    return {
        f"{part}{name}"
        for part in ("", "entries/", "bundles/")
        for name in folder.files(part)
        if not name.endswith("/")
    }


def tidy(index: FleetIndex, store: FleetStore) -> set[str]:
    """What lies in the store of a whole fleet."""
    entries = {entry.sha256 for one in index.bundles for entry in store.manifest(one).entries}
    return {
        "fleet.json",
        *(f"bundles/{one.name}.json" for one in index.bundles),
        *(f"entries/{one}" for one in entries),
    }


def test_a_fleet_can_be_read_back_and_leaves_nothing_else(
    store: FleetStore, golden_index: FleetIndex, parts, store_all: Make
) -> None:
    assert store.is_free()
    assert not store.exists()
    store_all(store)
    assert store.exists()
    assert not store.is_free()
    assert store.index() == golden_index
    assert store.is_whole(golden_index)
    assert names(store) == tidy(golden_index, store)
    for one in parts:
        assert [store.read_entry(entry) for entry in store.manifest(one.bundle).entries] == [c for _, c in one.entries]
    shared = {entry.sha256: entry.bytes for one in parts for entry, _ in one.entries}
    assert len(shared) < sum(len(one.entries) for one in parts)
    assert store.stored_bytes() == sum(shared.values()) + sum(len(one.manifest) for one in parts)


def test_a_fleet_that_is_not_whole_is_no_fleet_to_collect_from(store: FleetStore, golden_index, parts) -> None:
    with pytest.raises(FleetError, match=r"holds no fleet: there is no fleet\.json in it"):
        store.index()
    store.begin(golden_index, clear=True)
    store.write_bundle(*parts[0])
    with pytest.raises(FleetError, match=r"not whole yet.*--resume if it was stopped"):
        store.index()
    assert store.holds(golden_index)
    assert not store.is_whole(golden_index)
    assert set(store.complete(golden_index)) == {parts[0].bundle.name}


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:100], lambda content: content[:-1] + bytes([content[-1] ^ 1]), lambda content: None],
)
def test_what_was_reported_and_is_not_there_is_found_before_anybody_says_done(
    store: FleetStore, golden_index, parts, damage: Callable[[bytes], bytes | None]
) -> None:
    store.begin(golden_index, clear=True)
    for one in parts:
        store.write_bundle(*one)
    folder, (entry, content) = UrlFolder(store.url), parts[1].entries[0]
    folder.remove(f"entries/{entry.sha256}")
    changed = damage(content)
    if changed is not None:
        folder.write(f"entries/{entry.sha256}", changed)
    with pytest.raises(StoreError, match=r"1 of 2 bundles that workers have stored are not in .*sample-420KB-litert"):
        store.finish(golden_index)
    assert "fleet.json" not in names(store)


def test_an_entry_and_a_manifest_of_equal_size_with_other_bytes_are_made_again(
    store: FleetStore, golden_index: FleetIndex, parts, store_all: Make
) -> None:
    store_all(store)
    before = names(store)
    entry, content = parts[0].entries[1]
    manifest = f"bundles/{parts[1].bundle.name}.json"
    folder = UrlFolder(store.url)
    folder.write(f"entries/{entry.sha256}", b"x" + content[1:])
    folder.write(manifest, parts[1].manifest.replace(b"litert", b"litterr", 1)[: len(parts[1].manifest)])
    again = FleetStore(store.url)
    with pytest.raises(FleetError, match=rf"entry {entry.sha256} \({entry.name}\) is damaged\. Run the same `fleet`"):
        again.read_entry(entry)
    with pytest.raises(FleetError, match=r"is damaged\. Run the same `fleet` command with --resume"):
        again.manifest(parts[1].bundle)
    assert set(again.remove_damaged(golden_index)) == {f"entries/{entry.sha256}", manifest}
    assert not again.is_whole(golden_index)
    again.begin(golden_index, clear=False)
    for one in parts:
        again.write_bundle(*one)
    again.finish(golden_index)
    assert again.read_entry(entry) == content
    assert names(again) == before


def test_what_a_killed_run_left_is_cleaned_and_what_is_not_ours_stays(
    store: FleetStore, golden_index: FleetIndex, parts, store_all: Make
) -> None:
    folder = UrlFolder(store.url)
    folder.write(".ofa-run-20200101T000000Z-0123456789abcdef", b"mark")
    assert store.is_free()
    store.begin(golden_index, clear=True)
    folder.write(f"entries/{'0' * 64}", b"of another plan")
    folder.write("bundles/other.ofab.json", b"{}")
    folder.write("bundles/notes.txt", b"mine")
    folder.write("notes.txt", b"mine")
    assert not store.is_free()
    for one in parts:
        store.write_bundle(*one)
    store.finish(golden_index)
    assert names(store) == tidy(golden_index, store) | {"notes.txt", "bundles/notes.txt"}
    store.begin(golden_index, clear=True)
    assert names(store) == {"plan.json", "notes.txt", "bundles/notes.txt"}


def test_parts_and_marks_of_killed_writers_do_not_pile_up_in_a_folder(tmp_path: Path, golden_index, parts) -> None:
    store = FleetStore(str(tmp_path / "fleet"))
    (tmp_path / "fleet" / "entries").mkdir(parents=True)
    left = [".ofa-0123456789abcdef.part", "entries/.ofa-0123456789abcdef.part"]
    for name in [*left, f".ofa-run-29990101T000000Z-{'0' * 16}"]:
        (tmp_path / "fleet" / name).write_bytes(b"half")
    store.begin(golden_index, clear=False)
    for one in parts:
        store.write_bundle(*one)
    store.finish(golden_index)
    assert names(store) == tidy(golden_index, store)


def test_two_runs_at_once_in_a_folder_are_refused(tmp_path: Path, store_all: Make) -> None:
    url = str(tmp_path / "fleet")
    refused = pytest.raises(OutputError, match="is being made by another ofa-export right now")
    with FleetStore(url).claimed(), refused, FleetStore(url).claimed():
        pass
    assert not (tmp_path / "fleet").exists()
    store_all(FleetStore(url))


def test_two_runs_at_once_elsewhere_cannot_mix_two_fleets(store: FleetStore, golden_index: FleetIndex, parts) -> None:
    other = golden_index.model_copy(update={"bundles": golden_index.bundles[:1]})
    second = FleetStore(store.url)
    store.begin(golden_index, clear=True)
    store.write_bundle(*parts[0])
    second.begin(other, clear=True)
    second.write_bundle(*parts[0])
    store.write_bundle(*parts[1])
    with pytest.raises(StoreError, match="Another command has begun another fleet"):
        store.finish(golden_index)
    second.finish(other)
    assert names(store) == tidy(other, store)
    assert second.index() == other


def test_two_runs_of_one_plan_end_with_the_same_fleet(store: FleetStore, golden_index: FleetIndex, parts) -> None:
    first, second = store, FleetStore(store.url)
    for each in (first, second):
        each.begin(golden_index, clear=False)
    for one in parts:
        first.write_bundle(*one)
        second.write_bundle(*one)
    first.finish(golden_index)
    second.finish(golden_index)
    assert names(store) == tidy(golden_index, store)


def test_a_worker_that_does_not_see_the_mark_does_not_begin(store: FleetStore, tmp_path: Path) -> None:
    with store.claimed() as mark:
        FleetStore(store.url).check_seen(mark)
        elsewhere = FleetStore(str(tmp_path / "elsewhere"))
        with pytest.raises(StoreError, match=r"A worker on .* does not see what this command writes"):
            elsewhere.check_seen(mark)
    assert names(store) == set()


def test_a_worker_with_another_version_is_told_of(store: FleetStore, parts) -> None:
    with pytest.raises(StoreError, match=r"has made another sample-420KB-litert.ofab than was planned"):
        store.write_bundle(parts[1].bundle, parts[1].manifest + b" ", parts[1].entries)
    assert names(store) == set()


@pytest.mark.parametrize("url", ["memory://fleet", "dir::memory://fleet", "simplecache::memory://fleet"])
def test_a_store_that_ends_with_the_process_is_refused(url: str) -> None:
    with pytest.raises(OutputError, match="only as long as this command runs"):
        FleetStore(url).check_lasts()


def test_a_store_that_is_read_from_copies_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="copies, which do not tell what has arrived"):
        FleetStore(f"simplecache::file://{tmp_path}").check_lasts()


@pytest.mark.parametrize("part", ["fleet.json", "bundles", "entries"])
def test_a_pipe_or_a_file_without_end_in_a_fleet_is_not_waited_for(
    tmp_path: Path, golden_index: FleetIndex, parts, store_all: Make, part: str
) -> None:
    store = FleetStore(str(tmp_path / "fleet"))
    store_all(store)
    path = tmp_path / "fleet" / part
    path = path if path.is_file() else min(path.iterdir())

    def read() -> None:
        for one in store.index().bundles:
            for entry in store.manifest(one).entries:
                store.read_entry(entry)

    os.truncate(path, 2**40)
    with pytest.raises(FleetError, match="is damaged"):
        read()
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(StoreError, match="it is a pipe, and a file is needed"):
        read()


def test_a_file_or_other_files_are_no_place_for_a_fleet(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert not FleetStore(str(tmp_path)).is_free()
    assert not FleetStore(str(tmp_path / "notes.txt")).is_free()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"2.0"', b'"3.0"'),
        (b"sample-420KB-litert", b"../420KB-litert"),
        (b"sample-420KB-litert", b"sample-420KB-\\u202etreti"),
        (b"sample-420KB-litert", b"\\u001b[2Jsample"),
        (b"sample-420KB-litert", b"SAMPLE-420KB-executorch"),
        (b'"tiles": 1', b'"tiles": NaN'),
        (b"}", b""),
    ],
)
def test_a_foreign_index_is_rejected(tmp_path: Path, golden_index: FleetIndex, before: bytes, after: bytes) -> None:
    text = golden_index.to_bytes()
    assert before in text
    (tmp_path / "fleet.json").write_bytes(text.replace(before, after))
    with pytest.raises(FleetError, match=r"fleet.json is damaged or of another version.*--force replaces it"):
        FleetStore(str(tmp_path)).index()
