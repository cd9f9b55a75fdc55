"""A tiny trained checkpoint with its interactions file, two seeds of it, and everything measured once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ofa_export.data.histories import HeldOut, held_out_items
from ofa_export.data.planted import planted_interactions
from ofa_export.data.sample import load_dataset
from ofa_export.evaluation.controls import ControlRuns
from ofa_export.evaluation.evaluate import Evaluation, evaluate
from ofa_export.evaluation.subject import Subject, open_subject
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.progress_callback import no_progress
from ofa_export.training.train import train
from ofa_export.training.train_recipe import TrainRecipe
from ofa_export.training.training_progress import Silent

RECIPE = {
    "description": "For tests, seconds.",
    "data": {"min_count": 1, "repeats": "all", "ties": "file", "held_out": 2},
    "model": {"width": 16, "depth": 2, "heads": 2, "history_length": 6, "rank": 2, "item_groups": 3},
    "static": {"epochs": 2, "learning_rate": 5e-3, "warmup_steps": 5},
    "groups": {"epochs": 1, "learning_rate": 5e-3},
    "weights": {"epochs": 1, "learning_rate": 1e-3, "controller_learning_rate": 1e-2},
    "tiles": {"epochs": 1, "learning_rate": 1e-3},
    "mapper": {"epochs": 4, "learning_rate": 3e-2, "backbone_learning_rate": 1e-3, "target_positions": 3},
    "probes": {"users": 20},
}


@pytest.fixture(scope="session")
def interactions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "tiny.csv"
    planted_interactions(users=40, items=24, types=3, length=12, seed=1).write_csv(path)
    return path


@pytest.fixture(scope="session")
def checkpoints(interactions: Path, made_once: Callable[..., Path]) -> tuple[Path, ...]:
    """Folders of two seeds of one recipe."""
    recipe = TrainRecipe.model_validate(RECIPE)
    assert recipe.data is not None
    data = load_dataset(interactions, recipe=recipe.data.resolved())

    def train_seeds(folder: Path) -> None:
        for seed in range(2):
            train(data, recipe, folder / f"seed-{seed}", seed=seed, resume=False, force=False, progress=Silent())

    return tuple(sorted(made_once("evaluated", train_seeds).iterdir()))


@pytest.fixture(scope="session")
def subjects(checkpoints: tuple[Path, ...], interactions: Path) -> tuple[Subject, ...]:
    return tuple(open_subject(load_checkpoint(path), interactions=str(interactions)) for path in checkpoints)


@pytest.fixture(scope="session")
def subject(subjects: tuple[Subject, ...]) -> Subject:
    return subjects[0]


@pytest.fixture(scope="session")
def store(run_folder: Path) -> ContentCache:
    """Control runs that any worker has trained."""
    return ContentCache(run_folder / "controls")


@pytest.fixture(scope="session")
def runs(subject: Subject, store: ContentCache) -> ControlRuns:
    return ControlRuns(subject=subject, store=store, progress=Silent())


@pytest.fixture(scope="session")
def held_out(subject: Subject) -> HeldOut:
    return held_out_items(subject.histories, subject.histories.evaluation_users, split="validation", history_length=6)


@pytest.fixture(scope="session")
def evaluations(subjects: tuple[Subject, ...], store: ContentCache) -> list[Evaluation]:
    return [
        evaluate(
            subject,
            split="validation",
            runs=ControlRuns(subject=subject, store=store, progress=Silent()),
            with_tables=True,
            progress=no_progress,
        )
        for subject in subjects
    ]
