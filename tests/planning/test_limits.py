from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.errors import ConfigError
from ofa_export.foreign_text import shown
from ofa_export.planning.limits import UNBOUNDED, UNITS, Footprint, Limits, parse_budget, parse_limits


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("4MB", 4_000_000),
        ("4MiB", 4_194_304),
        ("512KB", 512_000),
        ("1KiB", 1024),
        ("0.5MiB", 524_288),
        ("1GB", 10**9),
        ("1GiB", 2**30),
        ("1500000", 1_500_000),
        ("1", 1),
        ("0004MB", 4_000_000),
        ("1.9", 1),
        (str(UNBOUNDED), UNBOUNDED),
    ],
)
def test_every_form_that_the_help_shows(text: str, count: int) -> None:
    assert parse_budget(text) == count


def test_no_byte_is_lost_to_binary_fractions() -> None:
    # 4.35 * 1e6 is 4349999.999999999 in floating point.
    assert parse_budget("4.35MB") == 4_350_000


@pytest.mark.parametrize(
    "text",
    [
        "0", "0MB", "-1", "-4MB", "+4MB", "4mb!", "4mb", "4mB", "4 mb", "4 MB", " 4MB", "4MB ", "4MB\n", "10TB", "1TiB",
        "", " ", "MB", "1e6", "1_000", "1,000", "4.MB", ".5MB", "4..5MB", "0.0001KB", "nan", "inf", "infMB",
        "\u0664MB",
        "\uff14MB", "4\uff2d\uff22", "0x10", "4M", "4B", "4MBMB", "9" * 30 + "GB", str(UNBOUNDED + 1),
    ],
)  # fmt: skip
def test_anything_else_is_an_error_that_shows_the_forms(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_budget(text)
    assert f"'{shown(text)}'" in str(caught.value)
    assert "4MB (4,000,000 bytes)" in str(caught.value)


@given(st.integers(1, 10**9), st.integers(0, 999), st.sampled_from([unit for unit in UNITS if unit]))
def test_what_is_written_is_what_is_read(whole: int, thousandths: int, unit: str) -> None:
    exact = Decimal(f"{whole}.{thousandths:03d}") * UNITS[unit]
    text = f"{whole}.{thousandths:03d}{unit}"
    if exact <= UNBOUNDED:
        assert parse_budget(text) == int(exact)
    else:
        with pytest.raises(ConfigError, match="more than"):
            parse_budget(text)


@given(st.text(max_size=12))
def test_no_text_is_anything_but_bytes_or_a_sentence(text: str) -> None:
    try:
        assert 1 <= parse_budget(text) <= UNBOUNDED
    except ConfigError as error:
        assert "Write it like" in str(error)


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
    with pytest.raises(ConfigError, match="is not a time"):
        parse_limits(ram_budget=None, max_latency_ms=milliseconds)


@pytest.mark.parametrize("size", ["", "0", "-5", "lots", "1mb"])
def test_memory_is_a_size(size: str) -> None:
    with pytest.raises(ConfigError, match="--ram-budget"):
        parse_limits(ram_budget=size, max_latency_ms=None)
