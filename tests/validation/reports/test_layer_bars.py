from __future__ import annotations

import math

import pytest

from ofa_export.validation.layers.error import LayerError
from ofa_export.validation.reports.layer_bars import layer_bars


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


def test_a_bar_is_as_long_as_its_noise() -> None:
    loud, quiet = layer_bars([error("a", snr_db=20, own_snr_db=26.0206), error("b", snr_db=40, own_snr_db=60)])
    assert (loud.noise, loud.length) == (pytest.approx(0.1), 1)
    assert loud.own_length == pytest.approx(0.5, rel=1e-4)
    assert (quiet.noise, quiet.length, quiet.own_length) == pytest.approx((0.01, 0.1, 0.01))


def test_the_order_is_the_report_s() -> None:
    bars = layer_bars([error("b", snr_db=60, own_snr_db=30), error("a", snr_db=20, own_snr_db=40)])
    assert [bar.error.layer for bar in bars] == ["b", "a"]


def test_an_exact_layer_has_no_bar_and_one_that_is_not_finite_the_longest() -> None:
    broken, exact, usual = layer_bars(
        [
            error("broken", snr_db=None, own_snr_db=None, max_abs_err=None),
            error("exact", snr_db=None, own_snr_db=None, max_abs_err=0.0),
            error("usual", snr_db=40, own_snr_db=46),
        ]
    )
    assert (broken.noise, broken.length) == (math.inf, 1)
    assert (exact.noise, exact.length, exact.own_length) == (0, 0, 0)
    assert usual.length == 1


def test_layers_without_any_error_have_no_bars() -> None:
    (bar,) = layer_bars([error("exact", snr_db=None, own_snr_db=None, max_abs_err=0.0)])
    assert (bar.length, bar.own_length) == (0, 0)
    assert layer_bars([]) == ()
