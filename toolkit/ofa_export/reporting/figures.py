"""Matplotlib figures as SVG for the inside of a page: one style for every plot of every report.

Text stays text: it can be selected and read aloud, has the page's font and colour, and takes a fraction of the bytes of
outlines. Texts out of files cannot do harm: matplotlib escapes them, they are never read as formulas, and what
cannot be seen of them is written out.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from ofa_export.errors import MissingToolError
from ofa_export.foreign_text import LONGEST_ESCAPE, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, OTHER, THIRD, GREY, BAD = "#2a7fb8", "#c2571a", "#7a4fbf", "#808080", "#c0302b"
"""Colours that can be told from a light and from a dark page."""

INK = "#000000"
"""Matplotlib's colour of text and axes, for which the page's own is put in."""

STYLE: Mapping[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": ["sans-serif"],
    # The font that comes with matplotlib, so that every computer measures text alike.
    "font.sans-serif": ["DejaVu Sans"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.transparent": True,
}


def draw(
    paint: Callable[[Axes], None],
    *,
    label: str,
    width: float,
    height: float,
    font_size: float = 11,
    tooltips: Mapping[str, str] | None = None,
) -> str:
    """Draw one plot; the same plot gives the same text.

    Args:
        paint: draws into the axes that it is given.
        label: what the plot shows, for those who do not see it.
        width: of the picture, in its own units, which pages show as CSS pixels or larger.
        height: in the same units.
        font_size: in the same units.
        tooltips: text of the artists that have these `gid`s, shown by a browser when the pointer rests there.

    Returns:
        An `svg` element of class "plot".

    Raises:
        MissingToolError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingToolError(
            'Plots need matplotlib. Install it with `pip install "ofa-export[report]"`, or leave out --html.'
        ) from error
    # Another salt for each plot, so that no two of a page share the name of a clip path: one may be hidden.
    style = {**STYLE, "font.size": font_size, "svg.hashsalt": f"{label} {width}"}
    with rc_context(style), warnings.catch_warnings():
        # The browser has letters that the measuring font lacks.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        paint(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    svg = "\n".join(shown(line, at_most=LONGEST_ESCAPE * len(line)) for line in buffer.getvalue().split("\n"))
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    for gid, text in (tooltips or {}).items():
        svg = svg.replace(f'<g id="{gid}">', f'<g id="{gid}"><title>{escape(shown(text))}</title>', 1)
    # Black text has no colour of its own in the file: it takes that of the whole picture.
    head = f'<svg class="plot" role="img" fill="currentColor" aria-label="{escape(shown(label))}"'
    return svg.replace("<svg", head, 1)
