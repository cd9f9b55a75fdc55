from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.bundle.items import ItemCatalogue
from ofa_export.bundle.manifest import NdcgAt10, Quality, TilesQuality
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.writer import BundleContents, bundle_bytes, contents_of, fit_tiles, write_bundle
from ofa_export.errors import BudgetError, BundleError, ConfigError, OutputError

FLOOR, ALL = 3, 48


def _size(contents: BundleContents, tiles: int, budget: int = 9_000) -> int:
    return bundle_bytes(contents, tiles=tiles, budget=budget)


@pytest.mark.parametrize("tiles", [FLOOR, FLOOR + 1, 10, 31, ALL])
def test_the_size_is_known_to_the_byte(contents: BundleContents, tmp_path: Path, tiles: int) -> None:
    path = tmp_path / "a.ofab"
    budget = _size(contents, tiles)
    write_bundle(path, contents, tiles=tiles, budget=budget)
    assert path.stat().st_size == budget
    with Bundle.open(path) as bundle:
        assert bundle.table.tile_count == tiles


def test_the_size_grows_with_the_tiles(contents: BundleContents) -> None:
    sizes = [_size(contents, tiles) for tiles in range(FLOOR, ALL + 1)]
    assert sizes == sorted(sizes)


@given(st.data())
def test_as_many_tiles_as_fit_and_not_one_more(contents: BundleContents, data: st.DataObject) -> None:
    budget = data.draw(st.integers(_size(contents, FLOOR), _size(contents, ALL) + 100))
    tiles = fit_tiles(contents, budget)
    assert _size(contents, tiles, budget) <= budget
    assert tiles == ALL or _size(contents, tiles + 1, budget) > budget


def test_a_larger_budget_never_keeps_fewer_tiles(contents: BundleContents) -> None:
    kept = [fit_tiles(contents, budget) for budget in range(_size(contents, FLOOR), _size(contents, ALL) + 100, 29)]
    assert kept == sorted(kept)
    assert kept[-1] == ALL


def test_a_budget_that_does_not_bind_keeps_everything(contents: BundleContents) -> None:
    assert fit_tiles(contents, 10**9) == ALL


@pytest.mark.parametrize("short_by", [1, 1000, None])
def test_a_budget_below_the_floor_says_what_would_do(contents: BundleContents, short_by: int | None) -> None:
    smallest = _size(contents, FLOOR)
    budget = 0 if short_by is None else smallest - short_by
    with pytest.raises(BudgetError, match=r"1\. Use more\.") as caught:
        fit_tiles(contents, budget, ways_out=lambda: ["Use more."])
    assert caught.value.available == budget
    assert fit_tiles(contents, caught.value.needed) >= FLOOR
    with pytest.raises(BudgetError):
        fit_tiles(contents, caught.value.needed - 1)


def test_the_same_contents_give_the_same_bytes(contents: BundleContents, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_bundle(tmp_path / name, contents, tiles=20, budget=50_000)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_other_qualities_do_not_change_the_size(contents: BundleContents) -> None:
    quality = Quality(
        ndcg_at_10=NdcgAt10(full_table="0.0000", by_tiles=(TilesQuality(tiles=3, ndcg_at_10="0.0000"),)), users=40
    )
    other = replace(contents, fields=contents.fields.model_copy(update={"quality": quality}))
    assert _size(other, 20) == _size(contents, 20)


def test_a_smaller_bundle_made_from_a_larger_one_is_the_same_file(contents: BundleContents, tmp_path: Path) -> None:
    write_bundle(tmp_path / "large", contents, tiles=40, budget=50_000)
    budget = _size(contents, 12)
    with Bundle.open(tmp_path / "large") as bundle:
        smaller = contents_of(bundle)
        assert fit_tiles(smaller, 10**6) == 40
        write_bundle(tmp_path / "resized", smaller, tiles=fit_tiles(smaller, budget), budget=budget)
        del smaller
    write_bundle(tmp_path / "direct", contents, tiles=fit_tiles(contents, budget), budget=budget)
    assert (tmp_path / "resized").read_bytes() == (tmp_path / "direct").read_bytes()


def test_nothing_is_written_over_budget(contents: BundleContents, tmp_path: Path) -> None:
    with pytest.raises(BudgetError):
        write_bundle(tmp_path / "x", contents, tiles=ALL, budget=_size(contents, ALL) - 1)
    assert not list(tmp_path.iterdir())


def test_an_existing_file_is_kept_unless_forced(contents: BundleContents, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("precious")
    with pytest.raises(OutputError, match="--force"):
        write_bundle(path, contents, tiles=ALL, budget=50_000)
    assert path.read_text() == "precious"
    write_bundle(path, contents, tiles=ALL, budget=50_000, force=True)
    Bundle.open(path).close()


@pytest.mark.parametrize("tiles", [0, FLOOR - 1, ALL + 1])
def test_tiles_out_of_range_are_refused(contents: BundleContents, tmp_path: Path, tiles: int) -> None:
    with pytest.raises(ConfigError, match="3 to 48"):
        write_bundle(tmp_path / "x", contents, tiles=tiles, budget=50_000)


def test_the_manifest_describes_what_is_there(contents: BundleContents, tmp_path: Path) -> None:
    written = write_bundle(tmp_path / "x", contents, tiles=9, budget=50_000)
    fields = json.loads(written.to_bytes())
    assert fields["budget_bytes"] == 50_000
    assert fields["embeddings"]["tiles_kept"] == 9
    assert fields["embeddings"]["floor_tiles"] == FLOOR
    assert fields["embeddings"]["group_sizes"] == [8, 8, 7]
    assert fields["selftest"] == {"cases": 3, "min_snr_db": "60.0"}


def test_parts_that_do_not_fit_together_are_refused(contents: BundleContents) -> None:
    with pytest.raises(ConfigError, match="graphs"):
        replace(contents, graph_entry="model.bin")
    with pytest.raises(BundleError, match="it holds 1 items"):
        replace(contents, items_entry=ItemCatalogue(keys=("a",), titles=("b",)).to_bytes())


def test_fields_that_a_manifest_cannot_hold_are_refused(contents: BundleContents) -> None:
    with pytest.raises(ConfigError, match="budget_bytes"):
        fit_tiles(contents, 2**41)
    with pytest.raises(ConfigError, match=r"entries\.0\.name|name"):
        _size(replace(contents, graph_entry="graphs./../x"), ALL)
