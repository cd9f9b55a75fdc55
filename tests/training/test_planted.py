"""The test that adaptation adapts: on data in which every user has a hidden type, and types are all that differs."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ofa_export.data.histories import build_histories
from ofa_export.data.sample import load_dataset
from ofa_export.model.network import Adaptation
from ofa_export.ranking.scoring import static_adapt
from ofa_export.support.recipes import load_recipe
from ofa_export.training.dropout import set_dropout
from ofa_export.training.mapper_stage import fit_adaptive
from ofa_export.training.static_stage import static_loss, train_static
from ofa_export.training.train_recipe import Optimiser, TrainRecipe
from ofa_export.training.training_loop import Task, Verdict, optimise
from ofa_export.training.training_progress import Silent
from ofa_export.training.training_run import TrainingRun, initial_run

pytestmark = [pytest.mark.integration, pytest.mark.slow]

GAIN = 0.05
CONTROL_RATE = 1e-3
EPOCHS = 5


def as_many_static_steps(run: TrainingRun) -> float:
    """Best validation NDCG@10 of the static net after as many further steps as the mapper stage takes.

    The loss is that of the static stage, at all positions of a window: more signals than the mapper stage gets.
    """
    model, recipe = run.model, run.recipe.mapper
    settings = Optimiser(epochs=recipe.epochs, batch_size=recipe.batch_size, learning_rate=CONTROL_RATE)
    set_dropout(model, recipe.dropout)
    parameters = model.backbone_parameters()
    measured = optimise(
        Task(
            stage="control",
            model=model,
            groups=[{"params": parameters, "lr": settings.learning_rate}],
            batches=run.batches("control", settings, run.windows),
            steps_per_epoch=run.steps_per_epoch(settings, run.windows),
            step=lambda batch, _: static_loss(model, batch, model.tables[0]),
            validate=lambda: Verdict(quality=run.validation_ndcg(static_adapt(model), run.full_tables)[0]),
        ),
        settings,
        seed=run.seed,
        snapshot=run.snapshot("control"),
        progress=run.progress,
    )
    return float(measured["best"])  # type: ignore[arg-type]


def test_adapting_beats_the_equally_trained_static_net_and_is_personal(tmp_path: Path) -> None:
    data = load_dataset("planted")
    histories = build_histories(data.interactions, recipe=data.recipe, seed=0)
    shipped = load_recipe("train", "planted", TrainRecipe)
    # Five of twelve epochs: a third of the gain, which is still beyond doubt, in a third of the time.
    recipe = shipped.model_copy(update={"mapper": shipped.mapper.model_copy(update={"epochs": EPOCHS})})
    run = initial_run(histories, recipe, seed=0, folder=tmp_path, progress=Silent())
    train_static(run)
    model, start = run.model, copy.deepcopy(run.model.state_dict())

    fit_adaptive(run, stage="adaptive", adapt=model.adapt)
    adaptive, _ = run.validation_ndcg(model.adapt, run.full_tables)
    mean = mean_adaptation(run)

    def another_users(x: Tensor, valid: Tensor) -> Adaptation:
        own = model.adapt(x, valid)
        return Adaptation(
            keep_logits=own.keep_logits, gates=own.gates, thetas=tuple(theta.roll(1, dims=0) for theta in own.thetas)
        )

    def mean_users(x: Tensor, valid: Tensor) -> Adaptation:
        own = model.adapt(x, valid)
        thetas = tuple(theta.expand(len(x), -1) for theta in mean)
        return Adaptation(keep_logits=own.keep_logits, gates=own.gates, thetas=thetas)

    strangers, _ = run.validation_ndcg(another_users, run.full_tables)
    average, _ = run.validation_ndcg(mean_users, run.full_tables)

    model.load_state_dict(start)
    control = as_many_static_steps(run)
    figures = f"adaptive {adaptive:.4f}, control {control:.4f}, strangers {strangers:.4f}, mean {average:.4f}"
    print(figures)
    assert adaptive >= control + GAIN, figures
    assert strangers < control, figures
    assert average < adaptive - GAIN, figures


@torch.no_grad()
def mean_adaptation(run: TrainingRun) -> list[Tensor]:
    """The mean theta of each block over the validation users, [1, P] each."""
    model, found = run.model.eval(), []

    def collect(x: Tensor, valid: Tensor) -> Adaptation:
        found.append(model.adapt(x, valid))
        return found[-1]

    run.validation_ndcg(collect, run.full_tables)
    return [torch.cat(thetas).mean(dim=0, keepdim=True) for thetas in zip(*(a.thetas for a in found), strict=True)]
