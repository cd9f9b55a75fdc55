"""Nets that are trained to stand beside a checkpoint: same data, seed, steps and recipe, one idea taken away.

Each starts where the checkpoint's own stage started, and is kept in the cache: the second evaluation of the same
recipe trains nothing.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ofa_export.evaluation.subject import Subject
from ofa_export.model.network import Adaptation, AdaptiveRecommender
from ofa_export.ranking.scoring import Adapt, static_adapt
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.processes import one_torch_thread
from ofa_export.training.mapper_stage import fit_adaptive
from ofa_export.training.state import job_of, restore_state, stored_state
from ofa_export.training.tiles_stage import fit_compressed, random_prefix_table
from ofa_export.training.train import STAGES
from ofa_export.training.train_recipe import TilesStage, TrainRecipe
from ofa_export.training.training_progress import Progress
from ofa_export.training.training_run import TrainingRun, initial_run

LEARNING_RATES = (3e-4, 1e-3)
"""Static controls get the better of these: as much tuning as the mapper's rates have had."""


def _as_it_is(model: AdaptiveRecommender) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Control:
    """A net to train.

    Args:
        name: for programs, and part of every seed.
        label: for people.
        start: the control whose result it starts from; None is a new net.
        train: trains the run's model in place.
        adapt: how the trained net adapts.
        prepare: changes the modules of a new net, before any state is loaded into it.
        recipe: changes the recipe; of another model, `begin` has to make the start's state fit.
        begin: changes the state (see `stored_state`) that it starts from.
    """

    name: str
    label: str
    start: Control | None
    train: Callable[[TrainingRun], None]
    adapt: Callable[[AdaptiveRecommender], Adapt] = static_adapt
    prepare: Callable[[AdaptiveRecommender], None] = _as_it_is
    recipe: Callable[[TrainRecipe], TrainRecipe] = lambda recipe: recipe
    begin: Callable[[dict[str, Any]], dict[str, Any]] = lambda state: state


@dataclass(frozen=True, kw_only=True)
class ControlRuns:
    """Trains controls of one subject, or takes them from the cache.

    Args:
        subject: gives data, recipe and seed.
        store: where trained nets are kept.
        progress: who is told of training.
    """

    subject: Subject
    store: ContentCache
    progress: Progress

    def run(self, control: Control) -> TrainingRun:
        """Return a run with the control's net, trained."""
        recipe = control.recipe(self.subject.recipe)
        job = job_of(self.subject.histories, recipe, seed=self.subject.seed)
        lineage = _lineage(control)
        content = self.store.get(
            "control",
            [job, [each.name for each in lineage]],
            lambda: self._trained(control),
            made_with=[
                step for each in lineage for step in (each.train, each.adapt, each.prepare, each.recipe, each.begin)
            ],
        )
        run = self._new(control)
        restore_state(run, torch.load(io.BytesIO(content), weights_only=True))
        run.model.eval()
        return run

    def _trained(self, control: Control) -> bytes:
        run = self._new(control)
        if control.start:
            restore_state(run, control.begin(stored_state(self.run(control.start))))
        with tempfile.TemporaryDirectory() as folder, one_torch_thread():
            run.folder = Path(folder)
            control.train(run)
        buffer = io.BytesIO()
        torch.save(stored_state(run), buffer)
        return buffer.getvalue()

    def _new(self, control: Control) -> TrainingRun:
        recipe = control.recipe(self.subject.recipe)
        run = initial_run(self.subject.histories, recipe, seed=self.subject.seed, folder=Path(), progress=self.progress)
        control.prepare(run.model)
        return run


def _lineage(control: Control) -> list[Control]:
    return [control, *(_lineage(control.start) if control.start else [])]


def _stages() -> dict[str, Control]:
    found: dict[str, Control] = {}
    before = None
    for stage in STAGES[:4]:
        before = found[stage.name] = Control(name=stage.name, label=stage.name, start=before, train=stage.run)
    return found


STARTS = _stages()
"""The stages before the mapper as controls, each from the one before: the same states as the run itself had."""


def mapper_controls() -> tuple[Control, ...]:
    """Nets that got as many steps after the tiles stage as the checkpoint's mapper stage."""
    return (
        Control(name="static_longer", label="static net, as many further steps", start=STARTS["tiles"], train=_longer),
        Control(
            name="no_gates",
            label="parameters generated without gates (after DUET)",
            start=STARTS["tiles"],
            train=lambda run: _adaptively(run, "no_gates", _without_gates),
            adapt=lambda model: _without_gates(model),
        ),
        Control(
            name="no_structure",
            label="mapper without the structural vector",
            start=STARTS["tiles"],
            train=lambda run: _adaptively(run, "no_structure", _without_structure),
            adapt=lambda model: _without_structure(model),
        ),
        Control(
            name="shared_generator",
            label="one generator for all blocks",
            start=STARTS["tiles"],
            train=lambda run: _adaptively(run, "shared_generator", lambda model: model.adapt),
            adapt=lambda model: model.adapt,
            prepare=_share_generator,
        ),
    )


def depth_control(depth: int) -> Control:
    """Return the static net with another number of blocks.

    Args:
        depth: L.
    """

    def shallower(recipe: TrainRecipe) -> TrainRecipe:
        return recipe.model_copy(update={"model": recipe.model.model_copy(update={"depth": depth})})

    blocks = "1 block" if depth == 1 else f"{depth} blocks"
    return Control(name="static", label=f"static net, {blocks}", start=None, train=STAGES[0].run, recipe=shallower)


def at_the_better_rate(run: TrainingRun, fit: Callable[[float], None]) -> None:
    """Train at each of `LEARNING_RATES` from the same state, and keep what ranks validation best.

    Args:
        run: its model is trained in place.
        fit: trains it at a rate.
    """
    begun = {name: value.clone() for name, value in run.model.state_dict().items()}
    best: tuple[float, dict[str, Tensor]] = (-1.0, begun)
    for rate in LEARNING_RATES:
        run.model.load_state_dict(begun)
        fit(rate)
        quality, _ = run.validation_ndcg(static_adapt(run.model), run.full_tables)
        if quality > best[0]:
            best = (quality, {name: value.clone() for name, value in run.model.state_dict().items()})
    run.model.load_state_dict(best[1])


def _longer(run: TrainingRun) -> None:
    """Train static steps under the mapper stage's prefixes of tiles."""
    recipe = run.recipe.mapper

    def fit(rate: float) -> None:
        stage = f"static_longer_{rate:g}"
        run.measured[stage] = fit_compressed(
            run,
            TilesStage(
                epochs=recipe.epochs,
                min_steps=recipe.min_steps,
                batch_size=recipe.batch_size,
                learning_rate=rate,
                dropout=recipe.dropout,
                full_share=recipe.full_share,
                distill=0.0,
            ),
            stage=stage,
            compress=lambda table, group, generator: random_prefix_table(run, table, group, generator),
            watched=lambda table, _: [table],
        )

    at_the_better_rate(run, fit)


def _adaptively(run: TrainingRun, stage: str, adapt: Callable[[AdaptiveRecommender], Adapt]) -> None:
    run.measured[stage] = fit_adaptive(run, stage=stage, adapt=adapt(run.model))


def _without_gates(model: AdaptiveRecommender) -> Adapt:
    """Return every block runs, and the mapper is told nothing of structure."""

    def adapt(x: Tensor, valid: Tensor) -> Adaptation:
        static = model.static_adaptation(len(x))
        return replace(static, thetas=model.mapper(x, valid, torch.zeros_like(static.keep_logits)))

    return adapt


def _without_structure(model: AdaptiveRecommender) -> Adapt:
    """Return gates as ever, but the mapper does not see them."""

    def adapt(x: Tensor, valid: Tensor) -> Adaptation:
        own = model.adapt(x, valid)
        return replace(own, thetas=model.mapper(x, valid, torch.zeros_like(own.keep_logits)))

    return adapt


def _share_generator(model: AdaptiveRecommender) -> None:
    generators = model.mapper.generators
    model.mapper.generators = nn.ModuleList([generators[-1]] * len(generators))
