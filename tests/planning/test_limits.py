from __future__ import annotations

import pytest

from ofa_export.errors import ConfigError
from ofa_export.planning.footprint import Footprint
from ofa_export.planning.limits import Limits, parse_limits

COST = Footprint(ram_bytes=3_000, latency_ms=1.2345)


@pytest.mark.parametrize(
    ("limits", "broken", "excess"),
    [
        (Limits(), 0, 0),
        (Limits(ram_bytes=3_000, latency_ms=1.24), 0, 1),
        (Limits(ram_bytes=2_999), 1, 1.0003),
        (Limits(ram_bytes=1_500, latency_ms=0.1), 2, 12.345),
    ],
)
def test_limits_that_are_broken_are_raised_just_enough(limits: Limits, broken: int, excess: float) -> None:
    assert len(limits.broken_by(COST)) == broken
    assert limits.excess(COST) == pytest.approx(excess, abs=5e-3)
    raised = limits.raised_to(COST)
    assert not raised.broken_by(COST)
    assert (raised == limits) == (not broken)


def test_limits_are_written_as_they_are_given() -> None:
    raised = Limits(ram_bytes=10, latency_ms=0.5).raised_to(COST)
    assert raised.text == "--ram-budget 3000 --max-latency-ms 1.24"
    assert parse_limits(ram_budget="3000", max_latency_ms=1.24) == raised
    assert (Limits().text, Limits().bind) == ("", False)


@pytest.mark.parametrize("milliseconds", [0, -1, float("nan"), float("inf")])
def test_a_time_is_positive(milliseconds: float) -> None:
    with pytest.raises(ConfigError, match="is no time"):
        parse_limits(ram_budget=None, max_latency_ms=milliseconds)


@pytest.mark.parametrize("size", ["", "0", "-5", "lots", "1mb"])
def test_memory_is_a_size(size: str) -> None:
    with pytest.raises(ConfigError, match="The budget"):
        parse_limits(ram_budget=size, max_latency_ms=None)
