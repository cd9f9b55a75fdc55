from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.reporting.byte_map import LETTER_WIDTH, NARROW, WIDE, Tile, byte_map, treemap
from ofa_export.reporting.byte_shares import ByteShare

SHARES = (
    ByteShare(
        name="graphs.tflite",
        bytes=700,
        inside=(ByteShare(name="adapt.mapper.generators.0", bytes=600), ByteShare(name="block_0", bytes=100)),
    ),
    ByteShare(name="items.bin", bytes=299),
    ByteShare(name="MODEL_CARD.md", bytes=1),
)

SIZES = st.lists(st.integers(1, 10**7), min_size=1, max_size=25).map(lambda sizes: sorted(sizes, reverse=True))


def overlap(one: Tile, other: Tile) -> float:
    wide = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    high = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return min(wide, high)


@given(SIZES)
def test_entries_fill_the_map_in_proportion_and_do_not_overlap(sizes: list[int]) -> None:
    width, height = WIDE
    tiles = treemap([ByteShare(name="part", bytes=size) for size in sizes], width=width, height=height)
    assert [tile.share.bytes for tile in tiles] == sizes
    for number, tile in enumerate(tiles):
        assert tile.width * tile.height == pytest.approx(width * height * tile.share.bytes / sum(sizes), rel=1e-6)
        assert tile.x >= -1e-6 and tile.x + tile.width <= width + 1e-6
        assert tile.y >= -1e-6 and tile.y + tile.height <= height + 1e-6
        assert all(overlap(tile, other) < 1e-6 for other in tiles[:number])


@pytest.mark.parametrize(("width", "height"), [WIDE, NARROW])
def test_names_fit_into_what_they_name(width: float, height: float) -> None:
    tiles = treemap(SHARES, width=width, height=height)
    assert all(len(tile.label) * LETTER_WIDTH < tile.width for tile in tiles)
    labels = {tile.share.name: tile.label for tile in tiles}
    assert labels["graphs.tflite"] == "graphs.tflite"
    assert labels["MODEL_CARD.md"] == ""


def test_a_part_too_narrow_for_its_name_loses_the_first_words() -> None:
    labels = {tile.share.name: tile.label for tile in treemap(SHARES, width=150, height=300)}
    assert labels["adapt.mapper.generators.0"] == "mapper.generators.0"


def test_what_is_inside_lies_inside() -> None:
    graphs, *rest = treemap(SHARES, width=WIDE[0], height=WIDE[1])
    inside = [tile for tile in rest if tile.depth]
    assert [tile.share.name for tile in inside] == ["adapt.mapper.generators.0", "block_0"]
    for tile in inside:
        assert tile.entry == graphs.entry
        assert tile.x >= graphs.x and tile.y > graphs.y
        assert tile.x + tile.width <= graphs.x + graphs.width
        assert tile.y + tile.height <= graphs.y + graphs.height + 1e-9


def test_an_entry_without_room_or_without_bytes_shows_nothing_inside() -> None:
    crumb = ByteShare(name="crumb", bytes=1, inside=(ByteShare(name="inside", bytes=1),))
    tiles = treemap(
        (ByteShare(name="most", bytes=10**6), crumb, ByteShare(name="empty", bytes=0)), width=340, height=440
    )
    assert [tile.share.name for tile in tiles] == ["most", "crumb"]


def test_every_tile_says_its_name_and_size_under_the_pointer() -> None:
    picture = byte_map(SHARES, width=NARROW[0], height=NARROW[1])
    assert re.findall("<title>(.*?)</title>", picture) == [
        "graphs.tflite: 700 bytes, 70.0%",
        "adapt.mapper.generators.0: 600 bytes, 60.0%",
        "block_0: 100 bytes, 10.0%",
        "items.bin: 299 bytes, 29.9%",
        "MODEL_CARD.md: 1 bytes, 0.1%",
    ]
