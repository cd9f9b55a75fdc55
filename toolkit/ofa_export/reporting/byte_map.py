"""A treemap of bytes: entries, what is inside them, and as much of their names as there is room for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ofa_export.reporting.byte_shares import ByteShare
from ofa_export.reporting.treemap import Rectangle, squarified

WIDE = Rectangle(x=0, y=0, width=960, height=480)
NARROW = Rectangle(x=0, y=0, width=340, height=440)
"""The same for a screen and for a phone: text keeps its size, so it needs another layout, not another scale."""

TITLE_HEIGHT, BORDER = 20, 2
LETTER_WIDTH, LINE_HEIGHT = 6.8, 15
"""Of the page's small letters, in the map's units; names that do not fit are left to the tooltip."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A rectangle of the treemap.

    Args:
        share: what it shows.
        entry: number of the bundle's entry that it is or lies in; it decides the colour.
        depth: 0 for an entry, 1 for what is inside.
        area: where it is.
        label: its name as far as there is room, or nothing.
    """

    share: ByteShare
    entry: int
    depth: int
    area: Rectangle
    label: str


@dataclass(frozen=True, kw_only=True)
class ByteMap:
    """A treemap, laid out.

    Args:
        area: all of it.
        tiles: entries, each followed by what is inside.
        total: bytes of all entries.
    """

    area: Rectangle
    tiles: tuple[Tile, ...]
    total: int


def byte_map(shares: Sequence[ByteShare], area: Rectangle) -> ByteMap:
    """Lay a treemap out.

    Args:
        shares: largest first.
        area: where to.
    """
    return ByteMap(area=area, tiles=tuple(_tiles(shares, area)), total=sum(share.bytes for share in shares))


def _tiles(shares: Sequence[ByteShare], area: Rectangle) -> Iterator[Tile]:
    for entry, (share, part) in enumerate(zip(shares, squarified([one.bytes for one in shares], area), strict=True)):
        yield Tile(share=share, entry=entry, depth=0, area=part, label=_label([share.name], part))
        inner = part.inner(top=TITLE_HEIGHT, border=BORDER)
        if share.inside and inner.width and inner.height:
            inside = squarified([one.bytes for one in share.inside], inner)
            for one, place in zip(share.inside, inside, strict=True):
                yield Tile(share=one, entry=entry, depth=1, area=place, label=_label(_shorter(one.name), place))


def _shorter(name: str) -> list[str]:
    """A part's name, and what is left without its first words: adapt.mapper.generators.0, ..., generators.0, 0."""
    return [name, *(name.split(".", cut)[-1] for cut in range(1, name.count(".") + 1))]


def _label(names: Sequence[str], area: Rectangle) -> str:
    """Return the first name that there is room for."""
    fitting = (name for name in names if len(name) * LETTER_WIDTH < area.width - 6)
    return next(fitting, "") if area.height >= LINE_HEIGHT else ""
