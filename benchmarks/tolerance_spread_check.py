"""From measured spread to limits: which number of a tolerance recipe a finding is held against, and the rule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ofa_export.validation.checks.graphs import PLAIN
from ofa_export.validation.finding import Finding

Quantity = str
"""Where a limit stands in a tolerance recipe: `normalised_max_abs_err`, or `int8.session_snr_db`."""

Measured = Mapping[str, Mapping[Quantity, float]]
"""Run, such as `sample:litert:int8` -> quantity -> its worst value in that run."""

HEADROOM = 3.0
"""A limit is this many times the worst measured error: other models, processors and versions differ, defects exceed it.
"""

HEADROOM_DB = 20 * math.log10(HEADROOM)

_OF_ALL = {"rounding": "rounding_snr_db", "small_inputs": "small_inputs_snr_db", "scales": "scale_error_share"}

_OF_PRECISION = {
    "quantisation.*.snr_db": "graph_snr_db",
    "gates.*.max_abs_err": "gate_margin",
    "session.*.snr_db": "session_snr_db",
    "ranking.*.overlap_share": "top10_overlap_share",
    "ranking.*.drop": "ndcg_drop",
    "cross.*.snr_db": "cross_snr_db",
    "cross.*.max_abs_err": "cross_max_abs_err",
}


def quantity_of(finding: Finding, precision: str) -> Quantity | None:
    """Return the limit of a recipe that a finding was held against, or None when its limit is no recipe's.

    Args:
        finding: of a validation.
        precision: of the bundle's graphs.
    """
    group, *middle, last = finding.assertion.split(".")
    if group == "conversion" and last == "max_abs_err":
        plain = tuple(middle) in PLAIN
        return "plain_max_abs_err" if plain else "normalised_max_abs_err"
    if finding.assertion.startswith("selftest.expected.") and last == "max_abs_err":
        return "selftest_max_abs_err"
    if finding.assertion == "table.scales.max_abs_err":
        return "scale_max_abs_err"
    if finding.assertion == "bundle.quality.max_ndcg_err":
        return "quality_ndcg_err"
    if finding.assertion == "ranking.ndcg10.budget_drop":
        return None
    if group in _OF_ALL:
        return _OF_ALL[group]
    name = _OF_PRECISION.get(f"{group}.*.{last}")
    return f"{precision}.{name}" if name else None


def derived_limit(quantity: Quantity, values: Sequence[float]) -> float:
    """Derive a limit from measured values: the worst with a factor of 3 of headroom, rounded to the loose side.

    Args:
        quantity: decibels and shares in common have their worst value at the bottom.
        values: the worst of each run.

    Returns:
        Decibels rounded down to whole ones; a share in common with three times the distance from 1, rounded down to
        hundredths; any other number rounded up to one digit.
    """
    if quantity.endswith("_db"):
        return float(math.floor(min(values) - HEADROOM_DB))
    if quantity.endswith("overlap_share"):
        return math.floor(100 * (1 - HEADROOM * (1 - min(values))) + 1e-9) / 100
    worst = HEADROOM * max(*values, 0.0)
    if worst == 0:
        return 0.0
    unit = 10.0 ** math.floor(math.log10(worst))
    return float(f"{math.ceil(worst / unit - 1e-9) * unit:.0e}")
