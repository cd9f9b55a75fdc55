from __future__ import annotations

import hashlib
import json
import re
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.bundle.archive import write_archive
from ofa_export.bundle.archive_reader import read_archive
from ofa_export.bundle.manifest import Manifest, NdcgAt10, Quality, TilesQuality
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.resize import resized_tiles
from ofa_export.bundle.writer import BundleContents, bundle_bytes, contents_of, fit_tiles, smallest_budget, write_bundle
from ofa_export.errors import BudgetError, ConfigError

FLOOR, ALL = 3, 48


def made(path: Path, contents: BundleContents, budget: int) -> Path:
    """What `bundle` writes for a budget."""
    write_bundle(path, contents, tiles=fit_tiles(contents, budget), budget=budget, force=True)
    return path


def resize(source: Path, path: Path, budget: int) -> Manifest:
    with Bundle.open(source) as bundle:
        contents = contents_of(bundle)
        return write_bundle(path, contents, tiles=resized_tiles(contents, budget), budget=budget, force=True)


@pytest.fixture(scope="session")
def contents(contents: BundleContents) -> BundleContents:
    """With qualities at several prefixes, as `bundle` measures them."""
    quality = Quality(
        ndcg_at_10=NdcgAt10(
            full_table="0.2092",
            by_tiles=(
                TilesQuality(tiles=3, ndcg_at_10="0.1234"),
                TilesQuality(tiles=12, ndcg_at_10="0.1500"),
                TilesQuality(tiles=24, ndcg_at_10="0.1900"),
                TilesQuality(tiles=48, ndcg_at_10="0.2090"),
            ),
        ),
        users=40,
    )
    return replace(contents, fields=contents.fields.model_copy(update={"quality": quality}))


@given(data=st.data())
def test_resizing_makes_the_file_that_bundle_makes(
    contents: BundleContents, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    least, most = smallest_budget(contents, FLOOR), smallest_budget(contents, ALL)
    large = data.draw(st.integers(least, most + 500))
    small = data.draw(st.integers(least, large))
    folder = tmp_path_factory.mktemp("resize")
    source, direct = made(folder / "source", contents, large), made(folder / "direct", contents, small)
    written = resize(source, folder / "resized", small)
    assert (folder / "resized").read_bytes() == direct.read_bytes()
    assert written.quality == contents.fields.quality
    assert len(direct.read_bytes()) <= small


def test_a_resized_bundle_can_be_resized_again(contents: BundleContents, tmp_path: Path) -> None:
    source = made(tmp_path / "a", contents, 20_000)
    for tiles in (30, 20, 10, FLOOR):
        budget = smallest_budget(contents, tiles)
        resize(source, tmp_path / f"{tiles}", budget)
        source = tmp_path / f"{tiles}"
        assert source.read_bytes() == made(tmp_path / "direct", contents, budget).read_bytes()


def test_a_bundle_may_be_replaced_by_its_own_smaller_one(contents: BundleContents, tmp_path: Path) -> None:
    path, budget = made(tmp_path / "a", contents, 20_000), smallest_budget(contents, 20)
    resize(path, path, budget)
    assert path.read_bytes() == made(tmp_path / "direct", contents, budget).read_bytes()
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "direct"]


def test_with_every_tile_at_hand_a_larger_budget_does_not_bind(contents: BundleContents, tmp_path: Path) -> None:
    source = made(tmp_path / "a", contents, 20_000)
    resize(source, tmp_path / "b", 4_000_000)
    assert (tmp_path / "b").read_bytes() == made(tmp_path / "direct", contents, 4_000_000).read_bytes()


def test_a_larger_budget_that_buys_no_tile_is_met(contents: BundleContents, tmp_path: Path) -> None:
    budget = smallest_budget(contents, 20)
    next_one = smallest_budget(contents, fit_tiles(contents, budget) + 1)
    resize(made(tmp_path / "a", contents, budget), tmp_path / "b", next_one - 1)
    assert (tmp_path / "b").read_bytes() == made(tmp_path / "direct", contents, next_one - 1).read_bytes()


def test_a_budget_that_needs_more_tiles_is_refused_with_ways_that_work(
    contents: BundleContents, tmp_path: Path
) -> None:
    source = made(tmp_path / "a", contents, smallest_budget(contents, 20))
    budget = smallest_budget(contents, 40)
    with pytest.raises(ConfigError, match="cannot add any") as caught:
        resize(source, tmp_path / "b", budget)
    text = str(caught.value)
    assert f"of {budget:,} bytes would keep {fit_tiles(contents, budget)}" in text
    assert f"ofa-export bundle CHECKPOINT --budget {budget}." in text
    assert "ofa-export patch A D -o B" in text
    (largest,) = map(int, re.findall(r"1\. Use --budget (\d+),", text))
    resize(source, tmp_path / "b", largest)
    assert (tmp_path / "b").read_bytes() == made(tmp_path / "direct", contents, largest).read_bytes()
    with pytest.raises(ConfigError, match="cannot add any"):
        resize(source, tmp_path / "c", largest + 1)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("held", [FLOOR, 20, ALL])
def test_one_byte_under_the_floor_is_refused_with_ways_that_work(
    contents: BundleContents, tmp_path: Path, held: int
) -> None:
    source = made(tmp_path / "a", contents, smallest_budget(contents, held))
    least = smallest_budget(contents, FLOOR)
    resize(source, tmp_path / "b", least)
    with pytest.raises(BudgetError) as caught:
        resize(source, tmp_path / "c", least - 1)
    assert (caught.value.needed, caught.value.available, caught.value.shortfall) == (least, least - 1, 1)
    *budgets, last = caught.value.ways_out
    assert "smaller mapper" in last
    assert len(budgets) == (2 if held > 12 else 1)
    for way in budgets:
        amount, unit = re.findall(r"Use --budget (\d+)(KB)?", way)[0]
        resize(source, tmp_path / "d", int(amount) * (1000 if unit else 1))
    assert not (tmp_path / "c").exists()


def test_entries_are_passed_on_as_they_are_even_if_another_zlib_made_them(
    entries: dict[str, bytes], contents: BundleContents, tmp_path: Path
) -> None:
    items = entries["items.bin"][:16] + zlib.compress(zlib.decompress(entries["items.bin"][16:]), 1)
    assert items != entries["items.bin"]
    fields = json.loads(entries["manifest.json"])
    fields["entries"][2] |= {"bytes": len(items), "sha256": hashlib.sha256(items).hexdigest()}
    manifest = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    with (tmp_path / "a").open("wb") as file:
        write_archive(file, list({**entries, "manifest.json": manifest, "items.bin": items}.items()))
    resize(tmp_path / "a", tmp_path / "b", bundle_bytes(contents, tiles=20, budget=10_000) + 64)
    kept = read_archive(memoryview((tmp_path / "b").read_bytes()))
    assert kept["items.bin"] == items
    assert kept["selftest.bin"] == entries["selftest.bin"]


def test_one_tile_that_would_fit_and_is_not_there_is_missed(contents: BundleContents, tmp_path: Path) -> None:
    budget = smallest_budget(contents, 20)
    tiles = fit_tiles(contents, budget)
    write_bundle(tmp_path / "a", contents, tiles=tiles - 1, budget=budget)
    with pytest.raises(ConfigError, match=f"has {tiles - 1} of 48, .* would keep {tiles}"):
        resize(tmp_path / "a", tmp_path / "b", budget)
