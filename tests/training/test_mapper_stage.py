from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from ofa_export.model.network import Adaptation, AdaptiveRecommender, lookup
from ofa_export.model.reductions.caps import with_rank
from ofa_export.ranking.scoring import static_adapt
from ofa_export.training.mapper_stage import (
    adaptive_loss,
    draw_ranks,
    fit_adaptive,
    share_penalty,
    split_windows,
    train_mapper,
)
from ofa_export.training.training_run import TrainingRun
from ofa_export.training.windows import Batch

MakeRun = Callable[..., TrainingRun]


def test_split_by_hand() -> None:
    inputs = torch.tensor([[1, 2, 3, 4, 5, 6], [-1, -1, -1, 7, 8, 9], [-1, -1, -1, -1, 7, 8], [-1, -1, -1, -1, -1, 7]])
    beginnings, where = split_windows(inputs, 3)
    assert beginnings.tolist() == [
        [-1, -1, 1, 2, 3, 4],
        [-1, -1, -1, -1, 7, 8],
        [-1, -1, -1, -1, 7, 8],
        [-1, -1, -1, -1, -1, 7],
    ]
    assert where.sum(dim=1).tolist() == [3, 2, 1, 1]
    assert where[:, 3:].tolist() == [[True] * 3, [False, True, True], [False, False, True], [False, False, True]]


def window_batch(lengths: list[int], T: int) -> Batch:
    """Items are numbered through, so that every one is unlike all others."""
    rows, number = [], 0
    for length in lengths:
        rows.append([-1] * (T - length) + list(range(number, number + length + 1)))
        number += length + 1
    window = torch.tensor(rows)
    return Batch(window[:, :-1], torch.where(window[:, :-1] == -1, -1, window[:, 1:]), 0)


@given(
    T=st.integers(2, 8),
    m=st.integers(1, 12),
    data=st.data(),
)
def test_parameters_never_see_what_they_are_trained_to_predict(T: int, m: int, data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(1, T), min_size=1, max_size=5))
    batch = window_batch(lengths, T)
    beginnings, where = split_windows(batch.inputs, m)
    for user, n in enumerate(lengths):
        targets = batch.targets[user][where[user]].tolist()
        seen = [item for item in beginnings[user].tolist() if item != -1]
        assert set(seen).isdisjoint(targets)
        # Everything before the first target is seen, in order and padded on the left; nothing of a window is unused.
        items = batch.inputs[user][batch.inputs[user] >= 0].tolist()
        assert [*seen, *targets] == [*items, batch.targets[user, -1].item()]
        assert beginnings[user, T - len(seen) :].tolist() == seen
        assert len(targets) == min(m, (n + 1) // 2)
        assert where[user, T - len(targets) :].all()


@pytest.fixture
def losses(run_of: MakeRun) -> Callable[[Batch], Tensor]:
    """The loss of each position of the mapper stage, through the network that the stage trains."""
    model = run_of().model.requires_grad_(False)

    def per_position(batch: Batch) -> Tensor:
        beginnings, where = split_windows(batch.inputs, 3)
        table, losses = model.tables[0], torch.full(batch.inputs.shape, torch.nan)
        for position in where.any(dim=0).nonzero().flatten().tolist():
            for user in range(len(batch.inputs)):
                if where[user, position]:
                    only = torch.zeros_like(where)
                    only[user, position] = True
                    losses[user, position] = loss_at(model, batch, beginnings, table, only)
        return losses

    return per_position


def loss_at(model: AdaptiveRecommender, batch: Batch, beginnings: Tensor, table: Tensor, where: Tensor) -> Tensor:
    seen = model.valid((beginnings >= 0).sum(dim=1))
    adaptation = model.adapt(model.embed(lookup(table, beginnings), seen), seen)
    valid = model.valid(batch.lengths)
    hidden = model.assemble(model.embed(lookup(table, batch.inputs), valid), valid, adaptation)
    return F.cross_entropy(model.states(hidden)[where] @ table.T, batch.targets[where])


def random_windows(seed: int, lengths: tuple[int, ...]) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.full((len(lengths), 7), -1)
    for user, length in enumerate(lengths):
        rows[user, 6 - length :] = torch.randint(24, (length + 1,), generator=generator)
    return rows


def batch_of(windows: Tensor) -> Batch:
    return Batch(windows[:, :-1], torch.where(windows[:, :-1] == -1, -1, windows[:, 1:]), 0)


@pytest.mark.parametrize("changed", [4, 5, 6])
def test_the_loss_up_to_a_position_does_not_depend_on_items_after_its_target(
    losses: Callable[[Batch], Tensor], changed: int
) -> None:
    windows = random_windows(0, (6, 5, 4, 6))
    other = windows.clone()
    other[:, changed:] = (other[:, changed:] + 7) % 24
    expected, found = losses(batch_of(windows)), losses(batch_of(other))
    # Column t of a window is the input of position t and the target of position t - 1.
    before, after = slice(0, changed - 1), slice(changed - 1, None)
    assert torch.equal(expected[:, before].nan_to_num(), found[:, before].nan_to_num())
    assert not torch.allclose(expected[:, after].nan_to_num(), found[:, after].nan_to_num())


def test_the_stage_trains_on_the_mean_of_these_losses(run_of: MakeRun, losses: Callable[[Batch], Tensor]) -> None:
    run = run_of()
    model, batch = run.model.eval(), batch_of(random_windows(1, (6, 3, 1, 5)))
    loss, keep_logits = adaptive_loss(model, model.adapt, batch, model.tables[0], target_positions=3)
    assert loss.item() == pytest.approx(losses(batch).nanmean().item(), abs=1e-5)
    assert keep_logits.shape == (4, 2, 2)


def test_what_the_mapper_is_given_in_training_holds_no_target(run_of: MakeRun) -> None:
    run = run_of()
    model, batch = run.model, batch_of(random_windows(2, (6, 5, 3, 2)))
    given: list[Tensor] = []

    def spy(x: Tensor, valid: Tensor) -> Adaptation:
        given.append(x)
        return model.adapt(x, valid)

    adaptive_loss(model, spy, batch, model.tables[0], target_positions=3)
    beginnings, _ = split_windows(batch.inputs, 3)
    valid = model.valid((beginnings >= 0).sum(dim=1))
    assert torch.equal(given[0], model.embed(lookup(model.tables[0], beginnings), valid))


def test_gates_are_sampled_in_training_only(run_of: MakeRun) -> None:
    model = run_of().model
    with torch.no_grad():
        model.controller.head_out.bias.zero_()
    batch = batch_of(random_windows(3, (6, 6)))

    def loss() -> float:
        return adaptive_loss(model, model.adapt, batch, model.tables[0], target_positions=3)[0].item()

    model.eval()
    assert loss() == loss()
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    assert len({loss() for _ in range(10)}) > 1


def logits(share: float) -> Tensor:
    margin = torch.logit(torch.tensor(share))
    return torch.stack([-margin / 2, margin / 2]).expand(3, 2, 2)


def test_the_share_penalty_is_two_sided_and_zero_at_the_target() -> None:
    assert share_penalty(logits(0.5), 0.5).item() == pytest.approx(0)
    assert share_penalty(logits(0.7), 0.5).item() == pytest.approx(0.04, abs=1e-6)
    assert share_penalty(logits(0.3), 0.5).item() == pytest.approx(0.04, abs=1e-6)


@pytest.mark.parametrize(("share", "sign"), [(0.9, -1), (0.1, 1)])
def test_the_share_penalty_draws_the_share_to_its_target(share: float, sign: int) -> None:
    given = logits(share).clone().requires_grad_(True)
    share_penalty(given, 0.5).backward()
    assert given.grad is not None
    step = -given.grad
    assert (torch.sign(step[:, :, 1] - step[:, :, 0]) == sign).all()


@pytest.mark.integration
def test_too_many_open_gates_are_not_chosen_although_they_score_better(run_of: MakeRun) -> None:
    run = run_of(mapper={"keep_share": 0.5, "sparsity": 50.0, "epochs": 8, "learning_rate": 0.02})
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    measured: dict[str, Any] = fit_adaptive(run, stage="mapper", adapt=run.model.adapt)
    _, share = run.validation_ndcg(run.model.adapt, run.full_tables)
    assert measured["best_epoch"] > 0
    assert share <= 0.6
    untrained = [name for name, value in run.model.state_dict().items() if torch.equal(value, before[name])]
    assert untrained == []


@pytest.mark.integration
def test_the_stage_reports_what_it_measured(run_of: MakeRun) -> None:
    run = run_of()
    train_mapper(run)
    measured = run.measured["mapper"]
    assert measured["validation"] == pytest.approx(measured["best"])
    assert measured["executed_share"] == pytest.approx(1.0)
    control, _ = run.validation_ndcg(static_adapt(run.model), run.full_tables)
    assert measured["same_net_unadapted"] == pytest.approx(control)
    assert len(measured["history"]) == 3


def test_without_nested_ranks_no_random_number_is_drawn() -> None:
    generator, other = (np.random.default_rng(4) for _ in range(2))
    assert draw_ranks((), 64, generator) is None
    assert generator.random() == other.random()


def test_each_window_draws_one_of_the_nested_ranks() -> None:
    drawn = draw_ranks((1, 3), 400, np.random.default_rng(4))
    assert drawn is not None and drawn.shape == (400,)
    # Four standard errors of a fair coin.
    assert set(drawn.tolist()) == {1, 3} and abs((drawn == 1).double().mean().item() - 0.5) < 0.1


def test_the_loss_of_a_smaller_rank_is_that_of_the_smaller_network_and_counts_half(run_of: MakeRun) -> None:
    model, batch = run_of(model={"rank": 3}).model.eval(), batch_of(random_windows(1, (6, 3, 1, 5)))

    def loss(network: AdaptiveRecommender, ranks: Tensor | None = None) -> float:
        table = model.tables[0]
        return adaptive_loss(network, network.adapt, batch, table, target_positions=3, ranks=ranks)[0].item()

    full, small = loss(model), loss(with_rank(model, 1))
    assert abs(full - small) > 1e-3
    assert loss(model, torch.ones(4, dtype=torch.int64)) == pytest.approx((full + small) / 2, abs=1e-6)


@pytest.mark.integration
def test_nested_ranks_are_trained_and_reported(run_of: MakeRun) -> None:
    run = run_of(model={"rank": 3}, mapper={"nested_ranks": [1, 2]})
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    train_mapper(run)
    assert [name for name, value in run.model.state_dict().items() if torch.equal(value, before[name])] == []
    found = run.measured["mapper"]["validation_at_rank"]
    assert found.keys() == {"1", "2"}
    run.model = with_rank(run.model, 1)
    assert found["1"] == pytest.approx(run.validation_ndcg(run.model.adapt, run.full_tables)[0])


def test_a_prefix_learns_from_the_full_table_of_the_same_step_and_does_not_teach_it(run_of: MakeRun) -> None:
    model = run_of().model.eval()
    batch, full = window_batch([6, 4], 6), model.tables[0]
    coarse = (full.detach() * 4).round() / 4

    def loss(**more: Any) -> Tensor:
        return adaptive_loss(model, model.adapt, batch, coarse, target_positions=3, **more)[0]

    alone, taught = loss(), loss(teacher=full, distill=0.0)
    of_teacher = adaptive_loss(model, model.adapt, batch, full, target_positions=3)[0]
    assert taught.item() == pytest.approx((alone + of_teacher).item(), abs=1e-5)
    logits = [_logits(model, batch, table) for table in (coarse, full)]
    divergence = F.kl_div(
        F.log_softmax(logits[0], dim=-1), F.log_softmax(logits[1], dim=-1), log_target=True, reduction="batchmean"
    )
    assert loss(teacher=full, distill=2.0).item() == pytest.approx((taught + 2 * divergence).item(), abs=1e-4)
    same = adaptive_loss(model, model.adapt, batch, full, target_positions=3, teacher=full, distill=5.0)[0]
    assert same.item() == pytest.approx(2 * of_teacher.item(), abs=1e-5)


def _logits(model: AdaptiveRecommender, batch: Batch, table: Tensor) -> Tensor:
    beginnings, where = split_windows(batch.inputs, 3)
    seen, valid = model.valid((beginnings >= 0).sum(dim=1)), model.valid(batch.lengths)
    found = model.adapt(model.embed(lookup(table, beginnings), seen), seen)
    return model.states(model.assemble(model.embed(lookup(table, batch.inputs), valid), valid, found))[where] @ table.T
