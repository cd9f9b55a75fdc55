"""Nets that are trained to stand beside a checkpoint: same data, seed, steps and recipe, one idea taken away.

Each starts where the checkpoint's own stage started, and is kept in the cache: the second evaluation of the same
recipe trains nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ofa_export.content_cache import ContentCache
from ofa_export.evaluation.subject import Subject
from ofa_export.model.network import Adaptation, AdaptiveRecommender
from ofa_export.model.scoring import Adapt, static_adapt
from ofa_export.model.threads import one_torch_thread
from ofa_export.training.mapper import fit_adaptive
from ofa_export.training.progress import Progress
from ofa_export.training.recipe import TilesStage, TrainRecipe
from ofa_export.training.run import STAGES
from ofa_export.training.session import Session, initial_session
from ofa_export.training.state import job_of, restore_state, stored_state
from ofa_export.training.tiles import fit_compressed, random_prefix_table

LEARNING_RATES = (3e-4, 1e-3)
"""The longer trained static net gets the better of these: as much tuning as the mapper's rates have had."""


def _as_it_is(model: AdaptiveRecommender) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Control:
    """A net to train.

    Args:
        name: for programs, and part of every seed.
        label: for people.
        start: the control or stage whose result it starts from; "" is a new net.
        train: trains the session's model in place.
        adapt: how the trained net adapts.
        prepare: changes the modules of a new net, before any state is loaded into it.
        recipe: changes the recipe; then `start` has to be "".
    """

    name: str
    label: str
    start: str
    train: Callable[[Session], None]
    adapt: Callable[[AdaptiveRecommender], Adapt] = static_adapt
    prepare: Callable[[AdaptiveRecommender], None] = _as_it_is
    recipe: Callable[[TrainRecipe], TrainRecipe] = lambda recipe: recipe


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

    def session(self, control: Control) -> Session:
        """A session with the control's net, trained."""
        recipe = control.recipe(self.subject.recipe)
        job = job_of(self.subject.histories, recipe, seed=self.subject.seed)
        digest = hashlib.sha256(json.dumps([job, _lineage(control)]).encode()).hexdigest()
        content = self.store.get_or_make(f"control-{digest}", lambda: self._trained(control))
        session = self._new(control)
        restore_state(session, torch.load(io.BytesIO(content), weights_only=True))
        session.model.eval()
        return session

    def _trained(self, control: Control) -> bytes:
        session = self._new(control)
        if control.start:
            restore_state(session, stored_state(self.session(STARTS[control.start])))
        with tempfile.TemporaryDirectory() as folder, one_torch_thread():
            session.folder = Path(folder)
            control.train(session)
        buffer = io.BytesIO()
        torch.save(stored_state(session), buffer)
        return buffer.getvalue()

    def _new(self, control: Control) -> Session:
        recipe = control.recipe(self.subject.recipe)
        session = initial_session(
            self.subject.histories, recipe, seed=self.subject.seed, folder=Path(), progress=self.progress
        )
        control.prepare(session.model)
        return session


def _lineage(control: Control) -> list[str]:
    return [control.name, *(_lineage(STARTS[control.start]) if control.start else [])]


STARTS = {
    stage.name: Control(name=stage.name, label=stage.name, start=start, train=stage.run)
    for start, stage in zip(["", "static", "groups", "weights"], STAGES, strict=False)
}
"""The stages of training as controls, each from the one before: they give the same states as the run itself did."""


def mapper_controls() -> tuple[Control, ...]:
    """Nets that got as many steps after the tiles stage as the checkpoint's mapper stage."""
    return (
        Control(name="static_longer", label="static net, as many further steps", start="tiles", train=_longer),
        Control(
            name="no_gates",
            label="parameters generated without gates (after DUET)",
            start="tiles",
            train=lambda session: _adaptively(session, "no_gates", _without_gates),
            adapt=lambda model: _without_gates(model),
        ),
        Control(
            name="no_structure",
            label="mapper without the structural vector",
            start="tiles",
            train=lambda session: _adaptively(session, "no_structure", _without_structure),
            adapt=lambda model: _without_structure(model),
        ),
        Control(
            name="shared_generator",
            label="one generator for all blocks",
            start="tiles",
            train=lambda session: _adaptively(session, "shared_generator", lambda model: model.adapt),
            adapt=lambda model: model.adapt,
            prepare=_share_generator,
        ),
    )


def depth_control(depth: int) -> Control:
    """The static net with another number of blocks.

    Args:
        depth: L.
    """

    def shallower(recipe: TrainRecipe) -> TrainRecipe:
        return recipe.model_copy(update={"model": recipe.model.model_copy(update={"depth": depth})})

    blocks = "1 block" if depth == 1 else f"{depth} blocks"
    return Control(name="static", label=f"static net, {blocks}", start="", train=STAGES[0].run, recipe=shallower)


def _longer(session: Session) -> None:
    """Static steps under the mapper stage's prefixes of tiles; the learning rate that validates best wins."""
    recipe = session.recipe.mapper
    begun = {name: value.clone() for name, value in session.model.state_dict().items()}
    best: tuple[float, dict[str, Tensor]] = (-1.0, begun)
    for rate in LEARNING_RATES:
        session.model.load_state_dict(begun)
        stage = f"static_longer_{rate:g}"
        session.measured[stage] = fit_compressed(
            session,
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
            compress=lambda table, group, generator: random_prefix_table(session, table, group, generator),
            probed=lambda table, _: [table],
        )
        quality, _ = session.validation_ndcg(static_adapt(session.model), session.full_tables)
        if quality > best[0]:
            best = (quality, {name: value.clone() for name, value in session.model.state_dict().items()})
    session.model.load_state_dict(best[1])


def _adaptively(session: Session, stage: str, adapt: Callable[[AdaptiveRecommender], Adapt]) -> None:
    session.measured[stage] = fit_adaptive(session, stage=stage, adapt=adapt(session.model))


def _without_gates(model: AdaptiveRecommender) -> Adapt:
    """Every block runs, and the mapper is told nothing of structure."""

    def adapt(x: Tensor, valid: Tensor) -> Adaptation:
        static = model.static_adaptation(len(x))
        return replace(static, thetas=model.mapper(x, valid, torch.zeros_like(static.keep_logits)))

    return adapt


def _without_structure(model: AdaptiveRecommender) -> Adapt:
    """Gates as ever, but the mapper does not see them."""

    def adapt(x: Tensor, valid: Tensor) -> Adaptation:
        own = model.adapt(x, valid)
        return replace(own, thetas=model.mapper(x, valid, torch.zeros_like(own.keep_logits)))

    return adapt


def _share_generator(model: AdaptiveRecommender) -> None:
    generators = model.mapper.generators
    model.mapper.generators = nn.ModuleList([generators[-1]] * len(generators))
