from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from ofa_export.data.data_recipe import HistoryRecipe
from ofa_export.data.histories import build_histories
from ofa_export.training.train_recipe import TrainRecipe
from ofa_export.training.training_progress import Silent
from ofa_export.training.training_run import TrainingRun, initial_run
from ofa_export.training.weights_stage import _split, train_weights

MakeRun = Callable[..., TrainingRun]


@pytest.mark.integration
def test_importance_is_finite_positive_and_one_on_average_and_the_model_stays_as_it_was(
    run_of: MakeRun,
) -> None:
    run = run_of(model={"user_groups": 2})
    run.user_groups[::3] = 1
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    train_weights(run)
    assert run.importance.shape == (2, 3, 2)
    assert np.isfinite(run.importance).all()
    assert (run.importance > 0).all()
    assert run.importance.mean(axis=(1, 2)) == pytest.approx([1, 1], abs=1e-5)
    assert not np.allclose(run.importance[0], run.importance[1], atol=1e-3)
    for name, value in run.model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not run.model.training


@pytest.mark.integration
def test_the_same_seed_gives_the_same_importance(run_of: MakeRun) -> None:
    found = []
    for _ in range(2):
        run = run_of()
        train_weights(run)
        found.append(run.importance.copy())
        (run.folder / "weights-0.running").unlink(missing_ok=True)
    assert np.array_equal(found[0], found[1])


def test_the_table_and_the_controller_learn_from_different_users(run_of: MakeRun) -> None:
    run = run_of(model={"user_groups": 2})
    run.user_groups[::3] = 1
    for group in range(2):
        inner, outer = _split(run, group)
        assert set(inner.users).isdisjoint(outer.users)
        members = np.flatnonzero(run.user_groups == group)
        assert set(inner.users) | set(outer.users) == set(members)
        assert len(set(outer.users)) == len(members) // 10


@pytest.mark.integration
def test_users_without_anything_to_train_on_are_no_users_of_the_controller(
    recipe_of: Callable[..., TrainRecipe], run_of: MakeRun
) -> None:
    # Nine of ten users have a single training item, so that they have no window.
    rows = [(f"u{u:02}", f"i{(u + t) % 9}", t) for u in range(40) for t in range(8 if u % 10 == 0 else 3)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    histories = build_histories(frame, recipe=HistoryRecipe(min_count=1, repeats="all", ties="file"), seed=0)
    folder = run_of().folder
    for seed in range(5):
        run = initial_run(histories, recipe_of(), seed=seed, folder=folder, progress=Silent())
        train_weights(run)
        (folder / "weights-0.running").unlink(missing_ok=True)
        assert np.isfinite(run.importance).all()


def test_without_epochs_the_weights_come_from_the_controller_untrained(run_of: MakeRun) -> None:
    run = run_of(weights={"epochs": 0})
    train_weights(run)
    assert run.importance.mean() == pytest.approx(1, abs=1e-5)
    other = replace(run, seed=1, importance=run.importance.copy())
    train_weights(other)
    assert not np.array_equal(run.importance, other.importance)
