from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.reporting.svg_axis import axis

NUMBERS = st.lists(st.floats(-1e12, 1e12, allow_subnormal=False).map(lambda x: float(f"{x:.6g}")), min_size=1)


@given(NUMBERS)
def test_all_values_and_all_ticks_lie_on_the_axis(values: list[float]) -> None:
    made = axis(values, start=300, end=10)
    slack = 1e-6 * 290
    for value in (*values, *made.ticks):
        assert 10 - slack <= made.at(value) <= 300 + slack
    assert 2 <= len(made.ticks) <= 8
    assert list(made.ticks) == sorted(set(made.ticks))


def test_ticks_are_round() -> None:
    made = axis([0.013, 0.209], start=0, end=100)
    assert made.ticks == (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
    assert made.at(0.125) == pytest.approx(50)


@pytest.mark.parametrize("value", [0.0, 5.0, -3.2e-7])
def test_a_single_value_still_has_an_axis(value: float) -> None:
    made = axis([value], start=0, end=100)
    assert made.low <= value <= made.high and made.low < made.high
