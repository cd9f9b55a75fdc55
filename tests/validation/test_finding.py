from __future__ import annotations

import math

import pytest

from ofa_export.validation.finding import at_least, at_most, reported


def test_a_number_on_its_limit_passes_on_either_side() -> None:
    assert at_most("a.b", 1.0, 1.0, "abs", "").status == "pass"
    assert at_least("a.b", 1.0, 1.0, "dB", "").status == "pass"


def test_a_number_beyond_its_limit_fails_on_either_side() -> None:
    assert at_most("a.b", 1.1, 1.0, "abs", "").status == "fail"
    assert at_least("a.b", 0.9, 1.0, "dB", "").status == "fail"


def test_nan_fails_every_limit_and_is_not_shown_as_a_number() -> None:
    for finding in (at_most("a.b", math.nan, 1e9, "abs", ""), at_least("a.b", math.nan, -1e9, "dB", "")):
        assert (finding.status, finding.measured) == ("fail", None)
        assert finding.strain == math.inf


def test_infinite_decibels_are_an_exact_match() -> None:
    finding = at_least("a.b", math.inf, 30, "dB", "")
    assert (finding.status, finding.measured, finding.strain) == ("pass", None, 0)


def test_a_finding_can_warn_instead_of_failing() -> None:
    assert at_most("a.b", 2, 0, "count", "", otherwise="warn").status == "warn"


def test_a_finding_without_a_limit_never_fails_and_strains_nothing() -> None:
    finding = reported("ranking.cost", 0.7, "ndcg", "")
    assert (finding.status, finding.limit, finding.strain) == ("pass", None, 0)


@pytest.mark.parametrize(
    ("finding", "strain"),
    [
        (at_most("a.b", 0.5, 2, "abs", ""), 0.25),
        (at_most("a.b", 0, 0, "count", ""), 0),
        (at_most("a.b", 3, 0, "count", ""), math.inf),
        (at_most("a.b", -0.1, 0.005, "ndcg", ""), 0),
        (at_least("a.b", 40, 30, "dB", ""), 0.75),
        (at_least("a.b", 15, 30, "dB", ""), 2),
        (at_least("a.b", -3, 30, "dB", ""), math.inf),
    ],
)
def test_strain_is_the_used_share_of_what_is_allowed(finding, strain: float) -> None:
    assert finding.strain == strain


def test_the_group_is_the_first_part_of_the_name() -> None:
    assert at_most("conversion.adapt.theta_0.max_abs_err", 0, 1, "abs", "").group == "conversion"
