from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.errors import ConfigError
from ofa_export.planning.budget import UNBOUNDED, UNITS, parse_budget


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
    assert f"'{text}'" in str(caught.value)
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
