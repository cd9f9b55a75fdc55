from __future__ import annotations

from dataclasses import replace
from io import StringIO

from rich.console import Console

from ofa_export.ranking.metrics import Interval
from ofa_export.validation.layers.attribution import Attribution, LayerGain, Loss
from ofa_export.validation.layers.layer_error import LayerError
from ofa_export.validation.reports.report import Report
from ofa_export.validation.reports.terminal import print_report


def printed(report: Report) -> list[str]:
    stream = StringIO()
    print_report(report, Console(file=stream, width=120))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def layer(name: str, own: float | None, error: float | None = 0.01) -> LayerError:
    return LayerError(
        graph="adapt",
        layer=f"adapt.{name}",
        scheme="int8",
        max_abs_err=error,
        snr_db=31.5,
        own_snr_db=own,
        unexplained_snr_db=own,
    )


def test_the_worst_layers_are_shown_with_their_numbers_and_the_others_counted(good: Report) -> None:
    layers = (layer("nan", None, None), layer("bad", 20.0), *(layer(f"l{n}", 40.0 + n) for n in range(12)))
    lines = printed(replace(good, layers=layers))
    first = next(number for number, line in enumerate(lines) if line.startswith("layer, worst 10 of 14"))
    assert lines[first + 1].split() == ["adapt.nan", "int8", *["not", "finite"] * 4]
    assert lines[first + 2].split() == [
        "adapt.bad",
        "int8",
        "20.0",
        "dB",
        "████████",
        "31.5",
        "dB",
        "1.0e-02",
        "20.0",
        "dB",
    ]
    assert lines[first + 11].startswith("PASS")


def test_a_report_without_layers_shows_none(good: Report) -> None:
    assert not [line for line in printed(good) if "layer" in line]


def test_losses_gains_and_the_verdict_are_shown(good: Report) -> None:
    some = Interval(mean=0.004, half_width=0.001, users=100)
    found = Attribution(
        trained_ndcg_at_10=0.21,
        losses=(Loss(step="tiles", ndcg_at_10=0.206, cost=some),),
        gains=(
            LayerGain(layer="adapt.controller", layers=7, scheme="int8", ndcg_at_10=0.21, gain=some, extra_bytes=3200),
        ),
        verdict="Keep it.",
        recipe=None,
    )
    text = "\n".join(printed(replace(good, attribution=found)))
    assert "tiles of the bundle     0.2060  0.0040 ± 0.0010" in text
    assert "adapt.controller         int8   0.2100  +0.0040 ± 0.0010  +3,200 bytes" in text
    assert "\nKeep it.\n" in text
