from __future__ import annotations

import math

import pytest

from ofa_export.validation.finding import Finding, Unit, at_least, at_most, reported
from ofa_export.validation.reports.quantity import limit_text, measured_text


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("dB", 42.123, "42.1 dB"),
        ("abs", 0.00000123, "1.2e-06"),
        ("abs", 0, "0"),
        ("share", 0.9876, "0.988"),
        ("ndcg", -0.00123, "-0.0012 NDCG"),
        ("bytes", 131072, "131,072 bytes"),
        ("count", 1200, "1,200"),
    ],
)
def test_every_unit_has_its_form(unit: Unit, value: float, text: str) -> None:
    assert measured_text(reported("a.b", value, unit, "")) == text


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (at_least("a.b", math.inf, 30, "dB", ""), "exact"),
        (at_most("a.b", math.nan, 1, "abs", ""), "not finite"),
    ],
)
def test_numbers_that_are_not_finite_are_words(finding: Finding, text: str) -> None:
    assert measured_text(finding) == text


def test_a_limit_shows_its_side() -> None:
    assert limit_text(at_least("a.b", 1, 30, "dB", "")) == "≥ 30.0 dB"
    assert limit_text(at_most("a.b", 1, 0, "count", "")) == "≤ 0"
    assert limit_text(reported("a.b", 1, "ndcg", "")) == "-"
