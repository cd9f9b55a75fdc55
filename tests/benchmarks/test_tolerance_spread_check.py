from __future__ import annotations

import json
from pathlib import Path

import pytest
from tolerance_spread_check import derived_limit, quantity_of

from ofa_export.support.recipes import load_recipe
from ofa_export.validation.finding import at_least, at_most, reported
from ofa_export.validation.tolerance import Limit, TolerancePolicy

MEASURED = json.loads((Path(__file__).parents[2] / "docs" / "tolerance-spread.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("quantity", "values", "limit"),
    [
        ("int8.session_snr_db", [45.2, 43.0], 33),
        ("fp32.gate_margin", [1.1e-6, 2e-7], 4e-6),
        ("int8.top10_overlap_share", [0.99, 1.0], 0.97),
        ("int8.ndcg_drop", [-0.002, -0.001], 0),
        ("normalised_max_abs_err", [3e-6], 9e-6),
    ],
)
def test_the_rule(quantity: str, values: list[float], limit: float) -> None:
    assert derived_limit(quantity, values) == limit


def test_findings_name_the_number_that_they_are_held_against() -> None:
    named = {
        "conversion.adapt.hidden.max_abs_err": "plain_max_abs_err",
        "conversion.block_0.hidden.max_abs_err": "normalised_max_abs_err",
        "quantisation.adapt.theta_1.snr_db": "int8.graph_snr_db",
        "rounding.block_0.hidden.snr_db": "rounding_snr_db",
        "rounding.score.scores.snr_db": "rounding_snr_db",
        "scales.adapt.error_share": "scale_error_share",
        "ranking.ndcg10.drop": "int8.ndcg_drop",
        "selftest.expected.scores.max_abs_err": "selftest_max_abs_err",
        "bundle.size_bytes": None,
        "ranking.ndcg10.budget_drop": None,
    }
    for assertion, quantity in named.items():
        assert quantity_of(at_most(assertion, 1, 2, "abs", "Text."), "int8") == quantity
    assert quantity_of(reported("gates.margin.max_abs_err", 1, "abs", "Text."), "fp32") == "fp32.gate_margin"
    assert quantity_of(at_least("session.scores.snr_db", 1, 2, "dB", "Text."), "fp32") == "fp32.session_snr_db"


def limits_of(policy: TolerancePolicy) -> dict[str, Limit]:
    """Every number of a recipe by quantity."""
    own = {name: value for name, value in policy if isinstance(value, Limit)}
    parts = ((precision, *pair) for precision, limits in policy.precisions.items() for pair in limits)
    return own | {f"{precision}.{name}": value for precision, name, value in parts if value is not None}


@pytest.mark.parametrize("name", ["default", "strict"])
def test_a_recipe_s_numbers_follow_from_the_measured_spread_or_say_why_not(name: str) -> None:
    for quantity, limit in limits_of(load_recipe("tolerance", name, TolerancePolicy)).items():
        values = [found[quantity] for found in MEASURED.values() if quantity in found]
        derived = derived_limit(quantity, values) if values else None
        follows = "Follows from the spread" in limit.why
        assert follows == (derived == limit.limit), (quantity, derived, limit)
        if not follows:
            assert any(word in limit.why for word in ("Not from the spread", "Looser", "Stricter")), quantity


@pytest.mark.parametrize("run", MEASURED)
def test_every_measured_bundle_passes(run: str) -> None:
    limits = limits_of(load_recipe("tolerance", "default", TolerancePolicy))
    for quantity, value in MEASURED[run].items():
        # The margin says what a flipped gate means; nothing is held against it.
        if quantity.endswith("gate_margin"):
            continue
        bottom = quantity.endswith(("_db", "overlap_share"))
        assert value >= limits[quantity].limit if bottom else value <= limits[quantity].limit, quantity
