"""The plots of the page of a validation, as large as a phone's screen is wide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ofa_export.foreign_text import shown
from ofa_export.reporting.figures import BAD, GREY, OTHER, OURS, draw
from ofa_export.validation.layers.layer_error import LayerError
from ofa_export.validation.reports.expected_quality import ExpectedQuality
from ofa_export.validation.reports.quantity import noise_share, snr_text
from ofa_export.validation.sessions import Latency, ScoreSample

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 340

LAYERS_SHOWN = 12
LONGEST_NAME = 38
"""Characters of a layer's name that a line has room for."""

PART_NAMES = {"adapt": "adapt", "blocks": "blocks that run", "score": "score all items", "session": "session"}

FAINT = 0.4
"""Opacity of what is behind."""


def scatter_plot(scores: ScoreSample) -> str:
    """Plot scores of the device against those of the reference, with the diagonal on which both agree.

    Args:
        scores: at least one.
    """
    values = [*scores.reference, *scores.device]
    margin = 0.04 * (max(values) - min(values)) or 1.0
    limits = (min(values) - margin, max(values) + margin)
    points = list(zip(scores.reference, scores.device, scores.same_gates, strict=True))

    def paint(axes: Axes) -> None:
        axes.plot(limits, limits, color=GREY, linewidth=1, linestyle="--", gid="diagonal")
        for wanted, colour, size, gid in ((True, OURS, 4, "same-gates"), (False, OTHER, 5, "other-gates")):
            shown = [(x, y) for x, y, same in points if same == wanted]
            if shown:
                look: dict[str, Any] = {"marker": "o", "markersize": size, "markeredgewidth": 0, "alpha": 0.6}
                axes.plot(*zip(*shown, strict=True), linestyle="", color=colour, gid=gid, **look)
        axes.set(xlim=limits, ylim=limits, aspect="equal")
        axes.locator_params(nbins=6)
        axes.set(xlabel="score in the reference, with the same tiles", ylabel="score on the device")

    return draw(paint, label="Scores of the device against scores of the reference", width=WIDTH, height=320)


def quality_plot(quality: ExpectedQuality, *, size_bytes: int) -> str:
    """Plot NDCG@10 against bytes of the file, and where this bundle is.

    Args:
        quality: with at least one point.
        size_bytes: of this bundle.
    """
    sizes = [point.file_bytes / 1000 for point in quality.points]
    here = size_bytes / 1000

    def paint(axes: Axes) -> None:
        axes.axhline(quality.full_table, color=GREY, linewidth=1, linestyle="--")
        axes.plot(sizes, [point.ndcg_at_10 for point in quality.points], color=OURS, linewidth=2)
        for number, (size, point) in enumerate(zip(sizes, quality.points, strict=True)):
            axes.plot(size, point.ndcg_at_10, "o", color=OURS, markersize=6, gid=f"point-{number}")
        axes.axvline(here, color=OTHER, linewidth=1.5)
        if quality.expected is not None:
            axes.plot(here, quality.expected, "o", color=OTHER, markersize=8, gid="this-bundle")
        axes.annotate(
            f"unquantised table, {quality.full_table:.4f}",
            (0.02, quality.full_table),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
        )
        axes.set(xlabel="bytes of the whole file, thousands", ylabel="NDCG@10")
        # Room for the words above the line.
        axes.set_ylim(0, 1.15 * max(quality.full_table, *(point.ndcg_at_10 for point in quality.points)) or 1)
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.locator_params(nbins=5)

    return draw(
        paint,
        label="NDCG@10 against the bytes of the file",
        width=WIDTH,
        height=260,
        tooltips={
            f"point-{number}": f"{point.tiles} tiles, {point.file_bytes:,} bytes: {point.ndcg_at_10:.4f}"
            for number, point in enumerate(quality.points)
        },
    )


def layers_plot(errors: Sequence[LayerError]) -> str:
    """Plot the noise of the layers that add most as bars; decibels have no zero that a bar could start at.

    Args:
        errors: of one bundle, what adds most first; at least one.
    """
    worst = errors[:LAYERS_SHOWN]
    finite = [error.max_abs_err is not None for error in worst]
    added = [100 * noise_share(error.own_snr_db, finite=True) for error in worst]
    carried = [100 * noise_share(error.snr_db, finite=True) for error in worst]
    known = [max(pair) for *pair, sound in zip(added, carried, finite, strict=True) if sound]
    end = max(known, default=0.0) or 1.0

    def paint(axes: Axes) -> None:
        for row, error in enumerate(worst):
            if finite[row]:
                axes.barh(row, carried[row], height=0.36, color=OURS, alpha=FAINT, gid=f"in-output-{row}")
                axes.barh(row, added[row], height=0.36, color=OURS, gid=f"added-{row}")
            else:
                axes.barh(row, end, height=0.36, color=BAD, gid=f"not-finite-{row}")
            name = shown(error.layer)
            name = name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"
            axes.text(0, row - 0.25, name, va="bottom")
            adds = snr_text(error.own_snr_db, finite=finite[row])
            axes.text(end, row - 0.25, adds, va="bottom", ha="right", color=GREY)
        axes.set(xlim=(0, end), ylim=(len(worst) - 0.6, -0.9), xlabel="noise, % of the signal's amplitude")
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)

    return draw(paint, label="Noise that each layer adds", width=WIDTH, height=52 + 30 * len(worst))


def times_plot(latencies: Sequence[Latency]) -> str:
    """Plot the time of each part of a session: the median, and behind it what nine of ten do not exceed.

    Args:
        latencies: at least one.
    """
    names = [PART_NAMES[part.part] for part in latencies]

    def paint(axes: Axes) -> None:
        axes.barh(names, [part.p90_ms for part in latencies], height=0.5, color=OURS, alpha=FAINT)
        axes.barh(names, [part.median_ms for part in latencies], height=0.5, color=OURS)
        axes.invert_yaxis()
        axes.set(xlabel="milliseconds: median, and 90 % within")

    return draw(paint, label="Time of each part of a session", width=WIDTH, height=60 + 24 * len(names))
