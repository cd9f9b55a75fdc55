"""A tiny data set, a recipe of seconds, and runs before their first stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ofa_export.data.data_recipe import HistoryRecipe
from ofa_export.data.histories import Histories, build_histories
from ofa_export.data.planted import planted_interactions
from ofa_export.data.sample import DataSet
from ofa_export.training.train_recipe import TrainRecipe
from ofa_export.training.training_progress import Silent
from ofa_export.training.training_run import TrainingRun, initial_run

RECIPE: dict[str, Any] = {
    "description": "For tests, seconds.",
    "model": {
        "width": 16,
        "depth": 2,
        "heads": 2,
        "history_length": 6,
        "rank": 2,
        "item_groups": 3,
        "user_groups": 1,
    },
    "static": {"epochs": 2, "learning_rate": 5e-3, "warmup_steps": 5},
    "groups": {"epochs": 2, "learning_rate": 5e-3, "warmup_steps": 5},
    "weights": {"epochs": 2, "learning_rate": 1e-3, "controller_learning_rate": 1e-2},
    "tiles": {"epochs": 2, "learning_rate": 1e-3},
    "mapper": {"epochs": 2, "learning_rate": 3e-3, "backbone_learning_rate": 1e-3, "target_positions": 3},
    "probes": {"users": 20},
}

MakeRecipe = Callable[..., TrainRecipe]
MakeRun = Callable[..., TrainingRun]


@pytest.fixture(scope="session")
def recipe_of() -> MakeRecipe:
    """The tiny recipe with some fields of its parts changed: recipe_of(model={"depth": 3})."""

    def make(**parts: dict[str, Any]) -> TrainRecipe:
        return TrainRecipe.model_validate(
            {**RECIPE, **{name: {**RECIPE[name], **fields} for name, fields in parts.items()}}
        )

    return make


@pytest.fixture(scope="session")
def data() -> DataSet:
    return DataSet(
        name="tiny",
        interactions=planted_interactions(users=60, items=24, types=3, length=12, seed=1),
        titles={"item-00": "First"},
        recipe=HistoryRecipe(min_count=1, repeats="all", ties="file"),
        licence="CC0",
        attribution="Nobody.",
    )


@pytest.fixture(scope="session")
def histories(data: DataSet) -> Histories:
    return build_histories(data.interactions, recipe=data.recipe, seed=0)


@pytest.fixture
def run_of(histories: Histories, recipe_of: MakeRecipe, tmp_path: Path) -> MakeRun:
    """A run before its first stage: run_of(model={"user_groups": 2}).

    Unlike a fresh one its generators are not zero, so that parameters matter from the start.
    """

    def make(*, seed: int = 0, **parts: dict[str, Any]) -> TrainingRun:
        run = initial_run(histories, recipe_of(**parts), seed=seed, folder=tmp_path, progress=Silent())
        with torch.no_grad():
            for generator in run.model.mapper.generators:
                generator.out.weight.normal_(0, 0.1)
        return run

    return make
