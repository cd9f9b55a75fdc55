"""What the page's two plots draw, in the units of their pictures, which fit a phone's screen one to one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ofa_export.reporting.svg_axis import Axis, axis
from ofa_export.validation.reports.expected_quality import ExpectedQuality, QualityPoint
from ofa_export.validation.score_sample import ScoreSample

WIDTH, SCATTER_HEIGHT, CURVE_HEIGHT = 340, 320, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 318, 14, 40


@dataclass(frozen=True, kw_only=True)
class ScatterPlot:
    """Scores of the device against those of the reference.

    Args:
        x: of the reference.
        y: of the device; the same values as `x`, so that equal scores lie on the diagonal.
        same: path of the points of histories with the same gates; one `M` each.
        other: path of the points of histories with other gates.
        points: how many there are.
        others: how many of them have other gates.
    """

    x: Axis
    y: Axis
    same: str
    other: str
    points: int
    others: int


@dataclass(frozen=True, kw_only=True)
class QualityPlot:
    """NDCG@10 against bytes of the file.

    Args:
        x: in thousands of bytes.
        y: NDCG@10, from 0.
        points: places of the measured points and what they are.
        line: path through them.
        here: place of this bundle; its height is what is expected at least, or None below the first point.
        full: height of the quality with the unquantised table.
        quality: the numbers.
    """

    x: Axis
    y: Axis
    points: tuple[tuple[float, float, QualityPoint], ...]
    line: str
    here: tuple[float, float | None]
    full: float
    quality: ExpectedQuality


def scatter_plot(scores: ScoreSample) -> ScatterPlot:
    """Lay the scatter out.

    Args:
        scores: at least one.
    """
    values = [*scores.reference, *scores.device]
    x, y = axis(values, start=LEFT, end=RIGHT), axis(values, start=SCATTER_HEIGHT - BOTTOM, end=TOP)
    points = list(zip(scores.reference, scores.device, scores.same_gates, strict=True))

    def path(wanted: bool) -> str:
        # A line of no length with round ends is a dot, in a fifth of a circle's bytes.
        return "".join(f"M{x.at(a):.1f} {y.at(b):.1f}h0" for a, b, same in points if same == wanted)

    others = sum(not same for *_, same in points)
    return ScatterPlot(x=x, y=y, same=path(True), other=path(False), points=len(points), others=others)


def quality_plot(quality: ExpectedQuality, *, size_bytes: int) -> QualityPlot:
    """Lay the curve out.

    Args:
        quality: with at least one point.
        size_bytes: of this bundle.
    """
    sizes = [point.file_bytes / 1000 for point in quality.points]
    x = axis([*sizes, size_bytes / 1000], start=LEFT, end=RIGHT, count=4)
    values = [0.0, quality.full_table, *(point.ndcg_at_10 for point in quality.points)]
    y = axis(values, start=CURVE_HEIGHT - BOTTOM, end=TOP)
    places = [(x.at(size), y.at(point.ndcg_at_10)) for size, point in zip(sizes, quality.points, strict=True)]
    return QualityPlot(
        x=x,
        y=y,
        points=tuple((*place, point) for place, point in zip(places, quality.points, strict=True)),
        line=_line(places),
        here=(x.at(size_bytes / 1000), None if quality.expected is None else y.at(quality.expected)),
        full=y.at(quality.full_table),
        quality=quality,
    )


def _line(places: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
