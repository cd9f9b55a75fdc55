from __future__ import annotations

import numpy as np
import pytest

from ofa_export.validation.checks.ranking import ranking_findings
from ofa_export.validation.finding import Finding
from ofa_export.validation.sessions import Sessions
from ofa_export.validation.tolerance import Limit, TolerancePolicy


def findings(tolerance: TolerancePolicy, *, device: list[int], budget: float | None = None) -> dict[str, Finding]:
    """With reference ranks 1 and 3 at these tiles, 1 and 1 with the full table."""
    sessions = Sessions(
        gates=np.ones((2, 2), np.float32),
        same_gates=np.ones(2, bool),
        abs_err=np.zeros(2),
        snr_db=np.full(2, np.inf),
        top10_overlap=np.array([1.0, 0.9]),
        device_ranks=np.array(device),
        reference_ranks=np.array([1, 3]),
        full_ranks=np.array([1, 1]),
        sampled_reference=np.zeros((2, 4), np.float32),
        sampled_device=np.zeros((2, 4), np.float32),
        milliseconds=np.ones((2, 3)),
    )
    limit = None if budget is None else Limit(limit=budget, why="test")
    found = ranking_findings(sessions, limits=tolerance.of_precision("int8"), budget=limit)
    return {finding.assertion: finding for finding in found}


def test_the_loss_is_the_reference_s_ndcg_less_the_device_s(tolerance: TolerancePolicy) -> None:
    # NDCG of rank 1 is 1, of rank 3 1/2, of rank 20 nothing.
    drop = findings(tolerance, device=[1, 20])["ranking.ndcg10.drop"]
    assert (drop.measured, drop.status) == (pytest.approx(0.25), "fail")


def test_a_device_that_ranks_better_by_chance_passes(tolerance: TolerancePolicy) -> None:
    drop = findings(tolerance, device=[1, 1])["ranking.ndcg10.drop"]
    assert (drop.measured, drop.status) == (pytest.approx(-0.25), "pass")


def test_what_the_budget_cost_is_reported_and_limited_only_by_a_recipe(tolerance: TolerancePolicy) -> None:
    free = findings(tolerance, device=[1, 3])["ranking.ndcg10.budget_drop"]
    assert (free.measured, free.limit, free.status) == (pytest.approx(0.25), None, "pass")
    assert findings(tolerance, device=[1, 3], budget=0.2)["ranking.ndcg10.budget_drop"].status == "fail"


def test_overlap_is_the_mean_over_histories(tolerance: TolerancePolicy) -> None:
    assert findings(tolerance, device=[1, 3])["ranking.top10.overlap_share"].measured == pytest.approx(0.95)
