from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from toys import CONFIG

from ofa_export.contract import GraphSpec, TensorSpec
from ofa_export.graphs.device import DeviceGraph
from ofa_export.model.checkpoint import ValidationSet
from ofa_export.model.fake_quantised import QuantisedLinear
from ofa_export.precision import CHANNELWISE
from ofa_export.validation.checks.sweep import agreeing_elsewhere, sweep_findings, wrong_kinds
from ofa_export.validation.reports.coverage import coverage
from ofa_export.validation.sweep import Sweep, Swept, block_combinations, nearest_rounding
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


def test_what_single_activations_cost_goes_away_with_inputs_moved_in_their_last_digits_and_a_defect_does_not() -> None:
    layer = QuantisedLinear(nn.Linear(4, 3), "int8", CHANNELWISE)
    spec = GraphSpec(name="one", inputs=(TensorSpec("x", (1, 4)),), outputs=(TensorSpec("y", (1, 3)),))
    graph = DeviceGraph(spec, Alone(layer))
    # The range is 255 steps of 1, so that 10.5 is half way between two of them.
    either, down = torch.tensor([[0.0, 255.0, 10.5, 77.0]]), torch.tensor([[0.0, 255.0, 10.499, 77.0]])
    up = torch.tensor([[0.0, 255.0, 10.501, 77.0]])
    for fallen in (layer(down), layer(up)):
        given = fallen.detach().numpy()
        assert nearest_rounding(graph, {"x": either.numpy()}, given, output="y") < 1e-6
        assert nearest_rounding(graph, {"x": either.numpy()}, given * 1.01, output="y") > 1e-2
    assert nearest_rounding(graph, {"x": down.numpy()}, layer(up).detach().numpy(), output="y") > 1e-2


class Alone(nn.Module):
    """A layer as a graph."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.layer(x),)


def test_a_history_that_agrees_with_moved_inputs_is_said_and_passes(workshop: Any) -> None:
    with workshop.comparison(workshop.complete()) as comparison:
        real = comparison.sweep
        noise = real.outputs[THETA].noise.copy()
        noise[5] = real.outputs[THETA].signal.mean() / 10**3
        unlucky = replace(real.outputs[THETA], noise=noise)
        comparison.__dict__["sweep"] = replace(real, outputs={THETA: unlucky})
        (finding, *_) = sweep_findings(comparison)
    assert (finding.assertion, finding.status) == ("sweep.adapt.theta_0.snr_db", "pass")
    assert "; 1 would be, but for activations half way between two steps" in finding.sentence


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
