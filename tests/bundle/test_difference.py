"""Making deltas, and applying them: every pair of bundles comes back byte for byte."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.bundle.archive import write_archive
from ofa_export.bundle.archive_reader import read_archive
from ofa_export.bundle.delta import Delta
from ofa_export.bundle.difference import make_delta
from ofa_export.bundle.embeddings import embeddings_bytes
from ofa_export.bundle.patch import apply_delta
from ofa_export.bundle.writer import BundleContents, write_bundle
from ofa_export.errors import ConfigError

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
