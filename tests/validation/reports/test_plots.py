"""What the plots of a validation draw, read back from the pictures."""

from __future__ import annotations

import re

import pytest

from ofa_export.validation.layers.layer_error import LayerError
from ofa_export.validation.reports.expected_quality import ExpectedQuality, QualityPoint
from ofa_export.validation.reports.plots import layers_plot, quality_plot, scatter_plot, times_plot
from ofa_export.validation.sessions import Latency, ScoreSample


def group(picture: str, gid: str) -> str:
    """What is drawn under a name, up to the next one."""
    found = re.search(rf'<g id="{gid}">(.*?)<g id="', picture, re.DOTALL)
    assert found is not None, gid
    return found[1]


def marks(picture: str, gid: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'<use [^>]*?x="([\d.]+)" y="([\d.]+)"', group(picture, gid))]


def width(picture: str, gid: str) -> float:
    xs = [float(x) for x in re.findall(r"[ML] ([\d.]+) [\d.]+", group(picture, gid))]
    return max(xs) - min(xs)


def words(picture: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", picture)


def error(layer: str, *, snr_db: float | None, own_snr_db: float | None, max_abs_err: float | None = 0.1) -> LayerError:
    return LayerError(
        graph="adapt",
        layer=layer,
        scheme="int8",
        max_abs_err=max_abs_err,
        snr_db=snr_db,
        own_snr_db=own_snr_db,
        unexplained_snr_db=None,
    )


def test_every_score_is_a_mark_and_equal_ones_lie_on_the_diagonal() -> None:
    picture = scatter_plot(
        ScoreSample(reference=(1.0, 2.0, 3.0, 4.0), device=(1.0, 2.5, 3.0, 0.0), same_gates=(True, True, True, False))
    )
    ends = re.findall(r"[ML] ([\d.]+) ([\d.]+)", group(picture, "diagonal"))
    (x0, y0), (x1, y1) = [(float(x), float(y)) for x, y in ends]
    same = marks(picture, "same-gates")
    assert len(same) == 3 and len(marks(picture, "other-gates")) == 1
    for (x, y), agrees in zip(same, (True, False, True), strict=True):
        assert (abs(y0 + (x - x0) / (x1 - x0) * (y1 - y0) - y) < 0.2) is agrees
    assert "score on the device" in words(picture)


def test_scores_that_are_all_the_same_can_be_drawn() -> None:
    picture = scatter_plot(ScoreSample(reference=(2.0, 2.0), device=(2.0, 2.0), same_gates=(True, True)))
    assert len(set(marks(picture, "same-gates"))) == 1


def test_this_bundle_is_marked_on_the_curve_at_its_own_size() -> None:
    points = tuple(
        QualityPoint(tiles=tiles, file_bytes=size, ndcg_at_10=value)
        for tiles, size, value in ((40, 900_000, 0.1), (160, 1_200_000, 0.2))
    )
    quality = ExpectedQuality(points=points, expected=0.1, full_table=0.21, users=100)
    picture = quality_plot(quality, size_bytes=990_000)
    (first,), (last,) = marks(picture, "point-0"), marks(picture, "point-1")
    ((x, y),) = marks(picture, "this-bundle")
    # 990,000 of 900,000 to 1,200,000 bytes; what is expected is that of the smaller point.
    assert (x - first[0]) / (last[0] - first[0]) == pytest.approx(0.3, abs=0.01)
    assert y == first[1] > last[1]
    assert "<title>160 tiles, 1,200,000 bytes: 0.2000</title>" in picture
    assert {"unquantised table, 0.2100", "NDCG@10", "bytes of the whole file, thousands"} <= set(words(picture))


def test_a_bundle_below_the_first_measured_point_has_a_line_and_no_mark() -> None:
    points = (QualityPoint(tiles=40, file_bytes=900_000, ndcg_at_10=0.1),)
    picture = quality_plot(ExpectedQuality(points=points, expected=None, full_table=0.2, users=100), size_bytes=880_000)
    assert 'id="this-bundle"' not in picture


def test_a_bar_is_as_long_as_the_noise_is_a_share_of_the_signal() -> None:
    picture = layers_plot(
        [error("a", snr_db=20, own_snr_db=26.0206), error("b", snr_db=40, own_snr_db=None, max_abs_err=0.2)]
    )
    # 20 dB are a tenth of the signal, 26 dB a twentieth, 40 dB a hundredth.
    assert width(picture, "added-0") / width(picture, "in-output-0") == pytest.approx(0.5, abs=1e-3)
    assert width(picture, "in-output-1") / width(picture, "in-output-0") == pytest.approx(0.1, abs=1e-3)
    assert width(picture, "added-1") == 0
    assert {"a", "26.0 dB", "b", "exact", "noise, % of the signal's amplitude"} <= set(words(picture))


def test_a_layer_that_is_not_finite_has_a_full_bar_that_stretches_no_other() -> None:
    picture = layers_plot(
        [error("broken", snr_db=None, own_snr_db=None, max_abs_err=None), error("a", snr_db=20, own_snr_db=20)]
    )
    assert width(picture, "not-finite-0") == pytest.approx(width(picture, "added-1"), abs=1e-3)
    assert "not finite" in words(picture)


def test_the_twelve_that_add_most_are_drawn_and_long_names_keep_their_end() -> None:
    errors = [error(f"layer_{number}", snr_db=20 + number, own_snr_db=20 + number) for number in range(20)]
    shown = words(layers_plot(errors))
    assert "layer_11" in shown and "layer_12" not in shown
    (name,) = [word for word in words(layers_plot([error("x" * 60 + ".end", snr_db=1, own_snr_db=1)])) if "end" in word]
    assert name.startswith("…") and name.endswith(".end") and len(name) == 38


def test_layers_without_any_noise_can_be_drawn() -> None:
    assert "exact" in words(layers_plot([error("exact", snr_db=None, own_snr_db=None, max_abs_err=0.0)]))


def test_times_have_a_bar_for_each_part_in_milliseconds() -> None:
    shown = words(
        times_plot(
            [Latency(part=part, median_ms=1.0, p90_ms=2.0, sessions=5) for part in ("adapt", "blocks", "session")]
        )
    )
    assert {"adapt", "blocks that run", "session", "milliseconds: median, and 90 % within"} <= set(shown)
