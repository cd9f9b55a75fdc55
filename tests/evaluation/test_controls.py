from __future__ import annotations

import numpy as np
import pytest
import torch

from ofa_export.evaluation.controls import STARTS, Control, ControlRuns, depth_control, mapper_controls
from ofa_export.evaluation.subject import Subject
from ofa_export.support.content_cache import ContentCache
from ofa_export.training.training_progress import Silent

pytestmark = pytest.mark.integration


class Recorder(Silent):
    """Which stages were trained."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def start(self, stage: str, *, steps: int, done: int) -> None:
        self.stages.append(stage)


def control(name: str) -> Control:
    return next(control for control in mapper_controls() if control.name == name)


def test_stages_come_out_as_in_the_run_that_made_the_checkpoint(subject: Subject, runs: ControlRuns) -> None:
    measured = subject.checkpoint.config.training["measured"]
    run = runs.run(STARTS["tiles"])
    assert run.measured["static"] == measured["static"]
    assert run.measured["tiles"] == measured["tiles"]


def test_a_control_is_trained_once(subject: Subject, tmp_path) -> None:
    first, again = Recorder(), Recorder()
    chosen = depth_control(1)
    trained = ControlRuns(subject=subject, store=ContentCache(tmp_path), progress=first).run(chosen)
    cached = ControlRuns(subject=subject, store=ContentCache(tmp_path), progress=again).run(chosen)
    assert (first.stages, again.stages) == (["static"], [])
    assert trained.model.config.depth == 1
    for name, value in trained.model.state_dict().items():
        assert torch.equal(value, cached.model.state_dict()[name]), name


def test_the_longer_trained_static_net_is_no_worse_on_validation(runs: ControlRuns) -> None:
    run = runs.run(control("static_longer"))
    best = [run.measured[f"static_longer_{rate:g}"]["best"] for rate in (3e-4, 1e-3)]
    quality, _ = run.validation_ndcg(control("static_longer").adapt(run.model), run.full_tables)
    assert quality == pytest.approx(max(best))


def test_without_gates_every_block_runs(runs: ControlRuns) -> None:
    chosen = control("no_gates")
    run = runs.run(chosen)
    x, valid = embedded(run)
    adapted = chosen.adapt(run.model)(x, valid)
    assert adapted.gates.min() == 1
    assert max(theta.abs().max() for theta in adapted.thetas) > 0


def test_without_structure_gates_do_not_reach_the_mapper(runs: ControlRuns) -> None:
    chosen = control("no_structure")
    run = runs.run(chosen)
    x, valid = embedded(run)
    before = chosen.adapt(run.model)(x, valid).thetas
    with torch.no_grad():
        run.model.controller.head_out.bias.add_(torch.tensor([3.0, -3.0] * run.model.config.depth))
    after = chosen.adapt(run.model)(x, valid).thetas
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    with_structure = run.model.adapt(x, valid).thetas
    assert not torch.equal(with_structure[0], after[0])


def test_a_shared_generator_gives_every_block_the_same_parameters(runs: ControlRuns) -> None:
    chosen = control("shared_generator")
    run = runs.run(chosen)
    thetas = chosen.adapt(run.model)(*embedded(run)).thetas
    assert torch.equal(thetas[0], thetas[1])
    assert thetas[0].abs().max() > 0


def embedded(run) -> tuple[torch.Tensor, torch.Tensor]:
    rows = torch.from_numpy(np.array([[-1, -1, 1, 2, 3, 4], [5, 6, 7, 8, 9, 10]]))
    valid = run.model.valid((rows >= 0).sum(dim=1))
    table = run.full_tables(0)
    return run.model.embed(table[rows.clamp(min=0)] * valid[:, :, None], valid), valid
