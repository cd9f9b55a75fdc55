from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ofa_export.validation.checks.ranking import compare_candidates, compare_rankings, compare_scores
from ofa_export.validation.finding import Finding
from ofa_export.validation.histories import ValidationHistories
from ofa_export.validation.sessions import Sessions
from ofa_export.validation.tolerance import Limit, TolerancePolicy

SESSIONS = Sessions(
    gates=np.ones((2, 2), np.float32),
    same_gates=np.ones(2, bool),
    abs_err=np.zeros(2),
    snr_db=np.full(2, np.inf),
    top10_overlap=np.array([1.0, 0.9]),
    device_ranks=np.array([1, 3]),
    reference_ranks=np.array([1, 3]),
    full_ranks=np.array([1, 1]),
    candidate_err=np.zeros(2),
    candidate=np.zeros(2, int),
    sampled_reference=np.zeros((2, 4), np.float32),
    sampled_device=np.zeros((2, 4), np.float32),
    milliseconds=np.ones((2, 3)),
)
HISTORIES = ValidationHistories(
    items=(np.array([1], np.int32), np.array([2], np.int32)),
    names=("history 4", "history 9"),
    targets=np.array([0, 0], np.int32),
    history_length=3,
)


def findings(tolerance: TolerancePolicy, *, device: list[int], budget: float | None = None) -> dict[str, Finding]:
    """With reference ranks 1 and 3 at these tiles, 1 and 1 with the full table."""
    sessions = replace(SESSIONS, device_ranks=np.array(device))
    limit = None if budget is None else Limit(limit=budget, why="test")
    found = compare_rankings(sessions, limits=tolerance.of_precision("int8"), budget=limit)
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


def scores(same_gates: list[bool]) -> Finding:
    """With 5 dB in the first history and 60 dB in the second."""
    sessions = replace(SESSIONS, snr_db=np.array([5.0, 60.0]), same_gates=np.array(same_gates))
    (found,) = compare_scores(sessions, HISTORIES, floor=Limit(limit=50, why="test"))
    return found


def test_scores_are_compared_where_the_gates_agree() -> None:
    assert (scores([True, True]).status, scores([True, True]).measured) == ("fail", 5)
    found = scores([False, True])
    assert (found.status, found.measured) == ("pass", 60)
    assert "history 9" in found.sentence


def test_no_common_structure_at_all_is_a_failure() -> None:
    assert (scores([False, False]).assertion, scores([False, False]).status) == ("session.flipped_count", "fail")


def test_a_single_item_s_score_counts_by_itself_and_is_named() -> None:
    sessions = replace(SESSIONS, candidate_err=np.array([0, 2e-4]), candidate=np.array([3, 41]))
    found = compare_candidates(sessions, HISTORIES, places=100, limit=Limit(limit=1e-4, why="test"))
    assert (found.assertion, found.status) == ("session.candidates.max_abs_err", "fail")
    assert "row 41 for history 9" in found.sentence and "2 of the 100 places" in found.sentence


def test_without_a_known_next_item_there_is_no_ranking_to_compare(tolerance: TolerancePolicy) -> None:
    nothing = np.zeros(0, int)
    sessions = replace(SESSIONS, device_ranks=nothing, reference_ranks=nothing, full_ranks=nothing)
    assert list(compare_rankings(sessions, limits=tolerance.of_precision("int8"), budget=None)) == []
