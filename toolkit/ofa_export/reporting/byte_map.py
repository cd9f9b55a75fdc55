"""A treemap of bytes: entries, what is inside them, and as much of their names as there is room for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ofa_export.errors import MissingToolError
from ofa_export.foreign_text import shown
from ofa_export.reporting.byte_shares import ByteShare
from ofa_export.reporting.figures import draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE, NARROW = (960, 480), (340, 440)
"""Width and height for a screen and for a phone: text keeps its size, so it needs another layout, not another scale."""

TITLE_HEIGHT, BORDER = 20, 2
FONT_SIZE, LETTER_WIDTH, LINE_HEIGHT = 12, 6.8, 15
"""In the map's units; names that do not fit are left to the tooltip."""

FILLS = (
    ("#9cc4e0", "#c4dcec"),
    ("#a9d6b4", "#cbe6d2"),
    ("#f0d79a", "#f6e7c2"),
    ("#e5b8c6", "#efd4dd"),
    ("#c9bfe4", "#dfd9ef"),
    ("#d4d4d8", "#e5e5e8"),
)
"""Of an entry and of what is inside it."""

INK = "#1c1c1e"


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A rectangle of the treemap.

    Args:
        share: what it shows.
        entry: number of the bundle's entry that it is or lies in; it decides the colour.
        depth: 0 for an entry, 1 for what is inside.
        x: left edge.
        y: upper edge.
        width: to the right.
        height: downwards.
    """

    share: ByteShare
    entry: int
    depth: int
    x: float
    y: float
    width: float
    height: float

    @property
    def label(self) -> str:
        """The name, or what is left of it without its first words, as far as there is room; "" where there is none."""
        name = shown(self.share.name)
        shorter = [name, *(name.split(".", cut)[-1] for cut in range(1, name.count(".") + 1))] if self.depth else [name]
        fitting = (one for one in shorter if len(one) * LETTER_WIDTH < self.width - 6)
        return next(fitting, "") if self.height >= LINE_HEIGHT else ""


def byte_map(shares: Sequence[ByteShare], *, width: float, height: float) -> str:
    """Draw a treemap.

    Args:
        shares: largest first.
        width: of the picture.
        height: of the picture.

    Returns:
        An SVG element.

    Raises:
        MissingToolError: matplotlib or squarify is not installed.
    """
    tiles = treemap(shares, width=width, height=height)
    total = sum(share.bytes for share in shares)

    def paint(axes: Axes) -> None:
        from matplotlib.patches import Rectangle

        axes.set_axis_off()
        axes.set_position((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0))
        for number, tile in enumerate(tiles):
            fill = FILLS[tile.entry % len(FILLS)][tile.depth]
            look: dict[str, Any] = {"facecolor": fill, "edgecolor": "white", "linewidth": 1.5, "gid": f"tile-{number}"}
            axes.add_patch(Rectangle((tile.x, tile.y), tile.width, tile.height, **look))
            weight = "normal" if tile.depth else "bold"
            axes.text(tile.x + 4, tile.y + 14, tile.label, color=INK, weight=weight)

    return draw(
        paint,
        label="Treemap of the bundle's bytes",
        width=width,
        height=height,
        font_size=FONT_SIZE,
        tooltips={
            f"tile-{number}": f"{tile.share.name}: {tile.share.bytes:,} bytes, {tile.share.bytes / total:.1%}"
            for number, tile in enumerate(tiles)
        },
    )


def treemap(shares: Sequence[ByteShare], *, width: float, height: float) -> tuple[Tile, ...]:
    """Lay a treemap out.

    Args:
        shares: largest first.
        width: of the area that they fill.
        height: of the area that they fill.

    Returns:
        Entries, each followed by what is inside.

    Raises:
        MissingToolError: squarify is not installed.
    """
    made: list[Tile] = []
    for entry, (share, (x, y, dx, dy)) in enumerate(_squares(shares, 0, 0, width, height)):
        made.append(Tile(share=share, entry=entry, depth=0, x=x, y=y, width=dx, height=dy))
        room = (x + BORDER, y + TITLE_HEIGHT, dx - 2 * BORDER, dy - TITLE_HEIGHT - BORDER)
        for one, (left, top, wide, high) in _squares(share.inside, *room):
            made.append(Tile(share=one, entry=entry, depth=1, x=left, y=top, width=wide, height=high))
    return tuple(made)


def _squares(
    shares: Sequence[ByteShare], x: float, y: float, dx: float, dy: float
) -> Iterator[tuple[ByteShare, tuple[float, float, float, float]]]:
    """Divide a rectangle in proportion to bytes; nothing where it has no room or a share has no bytes."""
    try:
        from squarify import normalize_sizes, squarify
    except ImportError as error:
        raise MissingToolError(
            'The treemap needs squarify. Install it with `pip install "ofa-export[report]"`, or leave out --html.'
        ) from error
    known = [share for share in shares if share.bytes]
    if not known or dx < 1 or dy < 1:
        return
    placed = squarify(normalize_sizes([share.bytes for share in known], dx, dy), x, y, dx, dy)
    for share, rectangle in zip(known, placed, strict=True):
        yield share, (rectangle["x"], rectangle["y"], rectangle["dx"], rectangle["dy"])
