from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from toys import CONFIG

from ofa_export.model.checkpoint import ValidationSet
from ofa_export.validation.checks.sweep import agreeing_elsewhere, sweep_findings, wrong_kinds
from ofa_export.validation.reports.coverage import coverage
from ofa_export.validation.sweep import Sweep, Swept, block_combinations
from ofa_export.validation.tolerance import Limit
from ofa_export.validation.validate import CHECKS, run_checks

THETA = ("adapt", "theta_0")
FLOOR = Limit(limit=111, why="test")


def sweep(snr_db: list[float]) -> Sweep:
    """Eight histories with this much noise, two of each length from 1 to 4."""
    rows = np.full((8, 4), -1, np.int32)
    for history in range(8):
        rows[history, 3 - history // 2 :] = history
    signal = np.ones(8)
    return Sweep(
        rows=rows,
        blocks=np.ones((8, 1), bool),
        gates=np.ones((8, 1), bool),
        outputs={THETA: Swept(signal=signal, noise=10 ** (-np.array(snr_db) / 10), abs_err=np.zeros(8), largest=1.0)},
        undue=np.zeros(8, int),
    )


def wrong(first: list[float], again: list[float] | None = None) -> dict[int, tuple[str, str]]:
    second = None if again is None else lambda _: sweep(again)
    found = sweep(first)
    return wrong_kinds(found, found.lengths, [THETA], FLOOR, second)


def test_a_kind_is_wrong_when_none_of_its_histories_agrees() -> None:
    assert wrong([130, 130, 50, 130, 50, 50, 130, 130]) == {3: THETA}


def test_a_kind_that_was_unlucky_agrees_at_a_second_look() -> None:
    first = [130, 130, 50, 130, 50, 50, 130, 130]
    assert wrong(first, again=[50.0] * 7 + [130.0]) == {}
    assert wrong(first, again=[50.0] * 8) == {3: THETA}


def test_a_kind_is_the_cause_only_where_all_others_agree() -> None:
    one = sweep([130, 130, 50, 50, 50, 130, 130, 130])
    assert agreeing_elsewhere(one, one.lengths, {2: THETA}, FLOOR) == pytest.approx(5 / 6)
    all_of_them = sweep([50.0] * 8)
    assert agreeing_elsewhere(all_of_them, all_of_them.lengths, dict.fromkeys((1, 2, 3, 4), THETA), FLOOR) == 0


def test_all_combinations_of_few_blocks_and_the_telling_ones_of_many() -> None:
    assert sorted(map(tuple, block_combinations(2).tolist())) == [(a, b) for a in (False, True) for b in (False, True)]
    assert len(np.unique(block_combinations(6), axis=0)) == 64
    many = block_combinations(40)
    counts: NDArray[Any] = many.sum(axis=1)
    assert len(np.unique(many, axis=0)) == len(many)
    assert (counts == 0).any() and (counts == 40).any() and (counts == 1).sum() == 40 and (counts == 39).sum() == 40


def test_an_output_that_is_silent_is_held_to_its_absolute_error_by_history(workshop: Any) -> None:
    with workshop.comparison(workshop.complete()) as comparison:
        real = comparison.sweep
        error = np.zeros(len(real.rows))
        error[-1] = 0.5
        silent = replace(real.outputs[THETA], largest=0.0, abs_err=error)
        comparison.__dict__["sweep"] = replace(real, outputs={THETA: silent})
        (finding, *_) = sweep_findings(comparison)
    assert (finding.assertion, finding.status) == ("sweep.adapt.theta_0.max_abs_err", "fail")
    assert "a made history of 8 items" in finding.sentence


@pytest.mark.integration
def test_a_recipe_without_the_limit_makes_no_histories(workshop: Any) -> None:
    policy = workshop.tolerance.model_copy(update={"history_snr_db": None})
    path = workshop.write(workshop.complete())
    report = workshop.validate(path, tolerance=policy)
    assert report.coverage is None and not any(found.group == "sweep" for found in report.findings)
    covered = workshop.validate(path).coverage
    assert covered.text.startswith("Covered by 38 histories and ")
    assert "8 of 8 lengths, 60 of 60 items in histories and 60 as candidates, each in 25 of 25 places" in covered.text
    assert "4 of 4 combinations of blocks" in covered.text


@pytest.mark.integration
def test_a_checkpoint_without_histories_is_held_to_made_ones_in_everything_but_rankings(workshop: Any) -> None:
    contents = workshop.complete()
    none = ValidationSet(
        histories=np.zeros((0, CONFIG.history_length), np.int32),
        targets=np.zeros(0, np.int32),
        user_groups=np.zeros(0, np.int32),
    )
    bare = replace(workshop, checkpoint=replace(workshop.checkpoint, validation=none))
    with bare.comparison(contents) as comparison:
        checks = (
            "contract",
            "load",
            "rounding",
            "weight scales",
            "small inputs",
            "sweep",
            "sessions",
            "scores",
            "ranking",
        )
        chosen = [replace(check, needs=None) for check in CHECKS if check.name in checks]
        outcome = run_checks(comparison, chosen)
        covered = coverage(comparison)
    groups = {finding.group for finding in outcome.findings}
    assert all(finding.status == "pass" for finding in outcome.findings)
    assert {"rounding", "scales", "small_inputs", "sweep", "session"} <= groups and "ranking" not in groups
    assert (covered.real_histories, covered.lengths, covered.history_items) == (0, 8, 60)
