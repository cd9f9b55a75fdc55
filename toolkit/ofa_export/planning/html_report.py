"""A plan as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ofa_export.html_page import render_page
from ofa_export.planning.byte_shares import ByteShare, byte_shares
from ofa_export.planning.choose import Choice
from ofa_export.planning.front import front
from ofa_export.planning.plan import Plan
from ofa_export.planning.treemap import Rectangle, squarified

TEMPLATE = Path(__file__).with_name("plan.html.j2")

MAP = Rectangle(x=0, y=0, width=960, height=480)
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


def plan_html(plan: Plan, choice: Choice) -> str:
    """The page.

    Args:
        plan: what is made.
        choice: from what it was chosen.

    Raises:
        MissingToolError: Jinja2 is not installed.
    """
    shares = byte_shares(plan, weights=choice.chosen.weights)
    return render_page(
        TEMPLATE,
        plan=plan,
        fields=plan.contents.fields,
        choice=choice,
        shares=shares,
        area=MAP,
        tiles=list(_tiles(shares)),
        front=front(choice.considered),
    )


def _tiles(shares: tuple[ByteShare, ...]) -> Iterator[Tile]:
    for entry, (share, area) in enumerate(zip(shares, squarified([one.bytes for one in shares], MAP), strict=True)):
        yield Tile(share=share, entry=entry, depth=0, area=area, label=_label([share.name], area))
        inner = area.inner(top=TITLE_HEIGHT, border=BORDER)
        if share.inside and inner.width and inner.height:
            parts = squarified([one.bytes for one in share.inside], inner)
            for one, part in zip(share.inside, parts, strict=True):
                yield Tile(share=one, entry=entry, depth=1, area=part, label=_label(_shorter(one.name), part))


def _shorter(name: str) -> list[str]:
    """A part's name, and what is left without its first words: adapt.mapper.generators.0, ..., generators.0, 0."""
    return [name, *(name.split(".", cut)[-1] for cut in range(1, name.count(".") + 1))]


def _label(names: Sequence[str], area: Rectangle) -> str:
    """The first name that there is room for."""
    fitting = (name for name in names if len(name) * LETTER_WIDTH < area.width - 6)
    return next(fitting, "") if area.height >= LINE_HEIGHT else ""
