"""Plots of an evaluation as SVG that takes its text colour from the page around it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ofa_export.errors import MissingToolError
from ofa_export.evaluation.summary import ByteRow, Row, SegmentRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"own": "#2a7fb8", "trained": "#c2571a", "baseline": "#808080", "gradient": "#7a4fbf"}
INK = "#000000"
"""Matplotlib's text colour, replaced by the page's."""


def ranking_plot(rows: Sequence[Row]) -> str:
    """Return NDCG@10 of every way to rank with its interval."""
    figure, axes = _figure(height=0.32 * len(rows) + 0.7)
    for place, row in enumerate(rows):
        colour = COLOURS[row.kind]
        axes.errorbar(row.ndcg.mean, place, xerr=row.ndcg.half_width, fmt="o", color=colour, markersize=5, capsize=2)
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.invert_yaxis()
    axes.set(xlabel="NDCG@10, 95 % interval over users")
    return _svg(figure)


def bytes_plot(rows: Sequence[ByteRow]) -> str:
    """NDCG@10 against the bytes of the item table, one line or mark for each method that trains for small tables."""
    return _against_bytes(rows[0], [row for row in rows[1:] if row.retrained])


def orders_plot(rows: Sequence[ByteRow]) -> str:
    """NDCG@10 against bytes for every order of whole blocks without retraining, PEEL's setting, and our tiles."""
    return _against_bytes(rows[0], [row for row in rows[1:] if not row.retrained or row.method == "tiles"])


def _against_bytes(full: ByteRow, rows: Sequence[ByteRow]) -> str:
    figure, axes = _figure(height=4.4)
    axes.axhline(full.ndcg.mean, color="#808080", linewidth=1, linestyle="--")
    axes.annotate("our net with its full fp32 table", (1.0, full.ndcg.mean), va="bottom", ha="right", fontsize=8)
    methods = dict.fromkeys(row.method for row in rows)
    for number, method in enumerate(methods):
        mine = [row for row in rows if row.method == method]
        ours = method == "tiles"
        axes.plot(
            [row.share for row in mine],
            [row.ndcg.mean for row in mine],
            "o-" if mine[0].elastic else "D",
            color="#2a7fb8" if ours else f"C{number % 9 + 1}",
            linewidth=2.2 if ours else 1,
            markersize=5,
            label=mine[0].label,
            zorder=3 if ours else 2,
        )
    axes.set_xscale("log")
    ticks = (0.02, 0.03125, 0.0625, 0.125, 0.25, 1.0)
    axes.set_xticks(ticks, [f"{tick:.1%}" if tick < 0.1 else f"{tick:.0%}" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="bytes of the item table, share of fp32", ylabel="NDCG@10 of the static net", ylim=(0, None))
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8)
    return _svg(figure)


def segments_plot(rows: Sequence[SegmentRow]) -> str:
    """Tell where adapting pays: its lead over the longer trained static net for each kind of user."""
    figure, axes = _figure(height=0.3 * len(rows) + 0.7)
    axes.axvline(0, color="#808080", linewidth=1)
    for place, row in enumerate(rows):
        axes.errorbar(row.lead.mean, place, xerr=row.lead.half_width, fmt="o", color="#2a7fb8", capsize=2)
    axes.set_yticks(range(len(rows)), [f"{row.trait}: {row.label}" for row in rows])
    axes.invert_yaxis()
    axes.set(xlabel="NDCG@10, adapted minus static, 95 % interval")
    return _svg(figure)


def _figure(*, height: float) -> tuple[Figure, Axes]:
    try:
        import matplotlib
    except ImportError as error:
        raise MissingToolError(
            'Plots need matplotlib. Install it with `pip install "ofa-export[report]"`, or leave out --html.'
        ) from error
    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "ofa-export", "font.family": "sans-serif"})
    figure, axes = pyplot.subplots(figsize=(8.6, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    from matplotlib import pyplot

    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :].replace(INK, "currentColor")
