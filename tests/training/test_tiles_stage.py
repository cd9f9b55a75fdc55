from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from ofa_export.bundle.tile_order import check_order, floor_tiles, plane_order, planes_of_prefix
from ofa_export.model.elastic_table import keep_planes
from ofa_export.model.network import lookup
from ofa_export.training.tiles_stage import (
    compressed_loss,
    keep_prefix,
    random_prefix,
    random_prefix_table,
    train_tiles,
)
from ofa_export.training.training_run import TrainingRun

MakeRun = Callable[..., TrainingRun]


@pytest.fixture
def run(run_of: MakeRun) -> TrainingRun:
    return run_of(model={"user_groups": 2})


def drawn_table(run: TrainingRun, group: int, seed: int) -> torch.Tensor:
    return random_prefix_table(run, run.model.tables[group], group, np.random.default_rng(seed))


def possible_tables(run: TrainingRun, group: int) -> list[np.ndarray]:
    """The table of a group under every prefix from the floor on."""
    order, table = run.tile_orders[group], run.model.tables[group].detach()
    return [
        keep_planes(table, torch.from_numpy(planes_of_prefix(order, count).astype(np.int64)), run.item_groups).numpy()
        for count in range(floor_tiles(order), len(order) + 1)
    ]


@pytest.mark.parametrize("group", [0, 1])
def test_a_random_table_is_that_of_a_prefix_of_the_order(run: TrainingRun, group: int) -> None:
    allowed = {table.tobytes() for table in possible_tables(run, group)}
    drawn = {drawn_table(run, group, seed).detach().numpy().tobytes() for seed in range(200)}
    assert drawn <= allowed
    assert len(drawn) > 0.8 * len(allowed)


def test_small_budgets_are_drawn_as_often_as_large_ones() -> None:
    order = plane_order(5, 4)
    drawn = np.array([random_prefix(order, np.random.default_rng(seed)) for seed in range(2000)])
    assert drawn.min() >= floor_tiles(order)
    assert drawn.max() == len(order)
    whole = np.isin(drawn, [len(order) * planes // 8 for planes in range(1, 9)])
    assert 0.5 <= whole.mean() < 0.7
    assert 0.25 < (drawn <= len(order) // 8).mean() < 0.6


def test_a_prefix_learns_from_the_full_table_of_the_same_step(run: TrainingRun) -> None:
    batch = next(run.batches("tiles", run.recipe.tiles, run.windows)(0))
    table = run.model.tables[batch.group]
    small = keep_prefix(run, table, batch.group, floor_tiles(run.tile_orders[batch.group]))
    where = batch.inputs >= 0
    targets = batch.targets[where]

    def logits(read: torch.Tensor) -> torch.Tensor:
        valid = run.model.valid(batch.lengths)
        x = run.model.embed(lookup(read, batch.inputs), valid)
        static = run.model.static_adaptation(len(batch.inputs))
        return run.model.states(run.model.assemble(x, valid, static))[where] @ read.T

    with torch.no_grad():
        student, teacher = logits(small).log_softmax(1), logits(table).log_softmax(1)
        rows = torch.arange(len(targets))
        expected = -student[rows, targets].mean() - teacher[rows, targets].mean()
        expected += 3 * (teacher.exp() * (teacher - student)).sum(1).mean()
    found = compressed_loss(run.model, batch, table, small, distill=3.0)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    alone = compressed_loss(run.model, batch, table, small, distill=0.0)
    assert alone.item() == pytest.approx(-student[rows, targets].mean().item(), rel=1e-5)
    assert compressed_loss(run.model, batch, table, table, distill=9.0).item() == pytest.approx(
        -2 * teacher[rows, targets].mean().item(), rel=1e-5
    )


def test_every_item_keeps_something_under_the_smallest_budget(run: TrainingRun) -> None:
    smallest = possible_tables(run, 0)[0]
    assert (np.abs(smallest).max(axis=1) > 0).all()


def test_the_same_step_draws_the_same_table(run: TrainingRun) -> None:
    first, again = (drawn_table(run, 0, 3) for _ in range(2))
    assert torch.equal(first, again)


def test_gradients_reach_the_groups_own_table(run: TrainingRun) -> None:
    drawn_table(run, 1, 0).sum().backward()
    assert run.model.tables.grad is not None
    assert run.model.tables.grad[0].abs().sum() == 0
    assert run.model.tables.grad[1].abs().sum() > 0


@pytest.mark.parametrize("name", ["planes", "peel", "magnitude"])
def test_every_order_is_valid_and_says_its_name(run_of: MakeRun, name: str) -> None:
    run = run_of(model={"user_groups": 2}, tiles={"order": name, "epochs": 0})
    run.importance[:] = np.random.default_rng(0).random(run.importance.shape)
    train_tiles(run)
    for order in run.tile_orders:
        assert order.name == name
        check_order(order.tiles, groups=3, blocks=2)


def first_block(run: TrainingRun, user_group: int) -> tuple[int, int]:
    """Item group and block of the most important tile."""
    return divmod(int(run.tile_orders[user_group].tiles[0]) // 8, 2)


def test_planes_come_first_whatever_the_importance(run: TrainingRun) -> None:
    train_tiles(run)
    for order in run.tile_orders:
        assert np.array_equal(order.tiles, plane_order(3, 2).tiles)


def test_peel_goes_by_importance_of_the_users_group(run_of: MakeRun) -> None:
    run = run_of(model={"user_groups": 2}, tiles={"order": "peel", "epochs": 0})
    run.importance[0, 2, 1] = run.importance[1, 1, 0] = 9
    train_tiles(run)
    assert first_block(run, 0) == (2, 1)
    assert first_block(run, 1) == (1, 0)


def test_magnitude_goes_by_the_size_of_the_blocks(run_of: MakeRun) -> None:
    run = run_of(model={"user_groups": 2}, tiles={"order": "magnitude", "epochs": 0})
    with torch.no_grad():
        run.model.tables[0, run.item_groups == 1, :8] *= 5
        run.model.tables[1, run.item_groups == 2, 8:] *= 5
    train_tiles(run)
    assert first_block(run, 0) == (1, 0)
    assert first_block(run, 1) == (2, 1)


@pytest.mark.integration
def test_training_under_prefixes_keeps_the_best_state(run_of: MakeRun) -> None:
    run = run_of(static={"epochs": 8})
    train_tiles(run)
    measured = run.measured["tiles"]
    assert measured["best"] == max(measured["history"])
    assert len(measured["history"]) == 3
