"""The plots of the page of an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ofa_export.evaluation.summary import ByteRow, Row, SegmentRow
from ofa_export.reporting.figures import GREY, OTHER, OURS, THIRD, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"own": OURS, "trained": OTHER, "baseline": GREY, "gradient": THIRD}

WIDTH, FONT_SIZE, SMALL = 620, 10, 8


def ranking_plot(rows: Sequence[Row]) -> str:
    """Plot NDCG@10 of every way to rank, with its interval."""

    def paint(axes: Axes) -> None:
        for place, row in enumerate(rows):
            look: dict[str, Any] = {"fmt": "o", "color": COLOURS[row.kind], "markersize": 5, "capsize": 2}
            axes.errorbar(row.ndcg.mean, place, xerr=row.ndcg.half_width, **look)
        axes.set_yticks(range(len(rows)), [row.label for row in rows])
        axes.invert_yaxis()
        axes.set(xlabel="NDCG@10, 95 % interval over users")

    return _draw(paint, label="NDCG@10 of every way to rank", height=23 * len(rows) + 50)


def bytes_plot(rows: Sequence[ByteRow]) -> str:
    """Plot NDCG@10 against the bytes of the item table, a line or mark for each method that trains for small tables."""
    label = "NDCG@10 against the bytes of the item table, trained for small tables"
    return _against_bytes(rows[0], [row for row in rows[1:] if row.retrained], label=label)


def orders_plot(rows: Sequence[ByteRow]) -> str:
    """Plot NDCG@10 against bytes for every order of whole blocks without retraining, PEEL's setting, and our tiles."""
    label = "NDCG@10 against the bytes of the item table, blocks left out without retraining"
    return _against_bytes(rows[0], [row for row in rows[1:] if not row.retrained or row.method == "tiles"], label=label)


def segments_plot(rows: Sequence[SegmentRow]) -> str:
    """Plot where adapting pays: its lead over the longer trained static net for each kind of user."""

    def paint(axes: Axes) -> None:
        axes.axvline(0, color=GREY, linewidth=1)
        for place, row in enumerate(rows):
            axes.errorbar(row.lead.mean, place, xerr=row.lead.half_width, fmt="o", color=OURS, capsize=2)
        axes.set_yticks(range(len(rows)), [f"{row.trait}: {row.label}" for row in rows])
        axes.invert_yaxis()
        axes.set(xlabel="NDCG@10, adapted minus static, 95 % interval")

    return _draw(paint, label="Lead of the adapted net for each kind of user", height=22 * len(rows) + 50)


def _against_bytes(full: ByteRow, rows: Sequence[ByteRow], *, label: str) -> str:
    def paint(axes: Axes) -> None:
        axes.axhline(full.ndcg.mean, color=GREY, linewidth=1, linestyle="--")
        axes.annotate(
            "our net with its full fp32 table", (1.0, full.ndcg.mean), va="bottom", ha="right", fontsize=SMALL
        )
        for number, method in enumerate(dict.fromkeys(row.method for row in rows)):
            mine = [row for row in rows if row.method == method]
            ours = method == "tiles"
            axes.plot(
                [row.share for row in mine],
                [row.ndcg.mean for row in mine],
                "o-" if mine[0].elastic else "D",
                color=OURS if ours else f"C{number % 9 + 1}",
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
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=SMALL)

    return _draw(paint, label=label, height=317)


def _draw(paint: Callable[[Axes], None], *, label: str, height: float) -> str:
    return draw(paint, label=label, width=WIDTH, height=height, font_size=FONT_SIZE)
