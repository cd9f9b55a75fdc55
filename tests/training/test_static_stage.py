from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ofa_export.model.network import AdaptiveRecommender, lookup
from ofa_export.training.static_stage import static_loss, train_static
from ofa_export.training.training_run import TrainingRun
from ofa_export.training.windows import Batch

MakeRun = Callable[..., TrainingRun]

WINDOWS = torch.tensor([[3, 1, 4, 1, 5, 9, 2], [-1, -1, -1, 6, 5, 3, 8], [-1, -1, -1, -1, -1, 7, 0]])


def batch_of(windows: Tensor) -> Batch:
    return Batch(windows[:, :-1], torch.where(windows[:, :-1] == -1, -1, windows[:, 1:]), 0)


def losses(model: AdaptiveRecommender, batch: Batch) -> Tensor:
    """The loss of each position, 0 where padded."""
    table = model.tables[0]
    valid = model.valid(batch.lengths)
    x = model.embed(lookup(table, batch.inputs), valid)
    states = model.states(model.assemble(x, valid, model.static_adaptation(len(x))))
    each = F.cross_entropy((states @ table.T).flatten(0, 1), batch.targets.clamp(min=0).flatten(), reduction="none")
    return each.reshape(valid.shape) * valid


@pytest.mark.parametrize("changed", [4, 5, 6])
def test_the_loss_up_to_a_position_does_not_depend_on_items_after_its_target(run_of: MakeRun, changed: int) -> None:
    model = run_of().model.requires_grad_(False)
    other = WINDOWS.clone()
    other[:, changed:] = (other[:, changed:] + 7) % 24
    expected, found = losses(model, batch_of(WINDOWS)), losses(model, batch_of(other))
    # Column t of a window is the input of position t and the target of position t - 1.
    assert torch.equal(expected[:, : changed - 1], found[:, : changed - 1])
    assert (expected[:, changed - 1 :] != found[:, changed - 1 :])[0].all()


def test_the_stage_trains_on_the_mean_over_all_real_positions(run_of: MakeRun) -> None:
    model = run_of().model.requires_grad_(False)
    batch = batch_of(WINDOWS)
    expected = losses(model, batch).sum() / (batch.inputs >= 0).sum()
    assert static_loss(model, batch, model.tables[0]).item() == pytest.approx(expected.item(), abs=1e-5)


def test_targets_at_padding_are_never_read(run_of: MakeRun) -> None:
    model = run_of().model.requires_grad_(False)
    batch = batch_of(WINDOWS)
    wild = Batch(batch.inputs, torch.where(batch.inputs < 0, 10**6, batch.targets), 0)
    assert torch.equal(static_loss(model, batch, model.tables[0]), static_loss(model, wild, model.tables[0]))


@pytest.mark.integration
def test_the_static_stage_leaves_one_table_for_all_groups_and_no_trace_in_the_mapper(
    run_of: MakeRun,
) -> None:
    run = run_of(model={"user_groups": 2}, static={"epochs": 6})
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    train_static(run)
    tables = run.model.tables
    assert torch.equal(tables[0], tables[1])
    for name, value in run.model.state_dict().items():
        generated = name.startswith(("controller.", "mapper.")) or ".basis." in name
        assert torch.equal(value, before[name]) == generated, name
    history = run.measured["static"]["history"]
    assert run.measured["static"]["best"] == max(history) > history[0]
