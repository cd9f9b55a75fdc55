from __future__ import annotations

import pytest

from ofa_export.reporting.byte_map import LETTER_WIDTH, NARROW, WIDE, byte_map
from ofa_export.reporting.byte_shares import ByteShare
from ofa_export.reporting.treemap import Rectangle

SHARES = (
    ByteShare(
        name="graphs.tflite",
        bytes=700,
        inside=(ByteShare(name="adapt.mapper.generators.0", bytes=600), ByteShare(name="block_0", bytes=100)),
    ),
    ByteShare(name="items.bin", bytes=299),
    ByteShare(name="MODEL_CARD.md", bytes=1),
)


@pytest.mark.parametrize("area", [WIDE, NARROW])
def test_entries_fill_the_map_in_proportion(area: Rectangle) -> None:
    made = byte_map(SHARES, area)
    assert (made.total, made.area) == (1000, area)
    for tile in made.tiles:
        if tile.depth == 0:
            share = tile.area.width * tile.area.height / (area.width * area.height)
            assert share == pytest.approx(tile.share.bytes / 1000)


@pytest.mark.parametrize("area", [WIDE, NARROW])
def test_names_fit_into_what_they_name(area: Rectangle) -> None:
    tiles = byte_map(SHARES, area).tiles
    assert all(len(tile.label) * LETTER_WIDTH < tile.area.width for tile in tiles)
    labels = {tile.share.name: tile.label for tile in tiles}
    assert labels["graphs.tflite"] == "graphs.tflite"
    assert labels["MODEL_CARD.md"] == ""


def test_a_part_too_narrow_for_its_name_loses_the_first_words() -> None:
    labels = {
        tile.share.name: tile.label for tile in byte_map(SHARES, Rectangle(x=0, y=0, width=150, height=300)).tiles
    }
    assert labels["adapt.mapper.generators.0"] == "mapper.generators.0"


def test_what_is_inside_lies_inside() -> None:
    graphs, *rest = byte_map(SHARES, WIDE).tiles
    for tile in rest:
        if tile.depth:
            assert tile.entry == graphs.entry
            assert tile.area.x >= graphs.area.x and tile.area.y > graphs.area.y
            assert tile.area.x + tile.area.width <= graphs.area.x + graphs.area.width
            assert tile.area.y + tile.area.height <= graphs.area.y + graphs.area.height + 1e-9
