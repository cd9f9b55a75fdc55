"""One optimisation: AdamW, early stopping with or without patience, resumable at any step.

Every random draw of step i comes from (seed, stage, i) alone, so a resumed run repeats what an unbroken one does.
Several processes take every step together; with dropout, windows at the same place of their shares drop alike.
"""

from __future__ import annotations

import itertools
import math
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ofa_export.errors import NumericsError
from ofa_export.training.accelerator import open_fabric
from ofa_export.training.averaged_weights import AveragedWeights
from ofa_export.training.distributed import is_first
from ofa_export.training.schedule import cooldown_epochs, cosine, linear, warm_up
from ofa_export.training.snapshot import load_snapshot, save_snapshot
from ofa_export.training.train_recipe import Optimiser
from ofa_export.training.training_progress import Progress
from ofa_export.training.weight_decay import decayed_groups
from ofa_export.training.windows import Batch

if TYPE_CHECKING:
    from lightning_fabric import Fabric

SNAPSHOT_SECONDS = 20.0

TIMED_STEPS = 20
"""First steps of a stage, by which it is told how long an epoch takes."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Verdict of validation on a state.

    Args:
        quality: what early stopping maximises, NDCG@10.
        eligible: whether this state may be chosen at all; ineligible ones only when no other is left.
        remark: for whoever watches.
    """

    quality: float
    eligible: bool = True
    remark: str = ""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Objective of a stage.

    Args:
        stage: its name, part of every seed.
        model: what is trained; early stopping restores its best state.
        groups: Adam's parameter groups: dictionaries of `params` and `lr` (peak).
        batches: epoch -> the batches of that epoch, the same each time.
        steps_per_epoch: how many there are.
        step: trains on one batch: (batch, generator of this step) -> loss. The loop steps Adam.
        validate: called at step 0 and after each epoch; None keeps the last state.
    """

    stage: str
    model: nn.Module
    groups: list[dict[str, Any]]
    batches: Callable[[int], Iterator[Batch]]
    steps_per_epoch: int
    step: Callable[[Batch, np.random.Generator], Tensor]
    validate: Callable[[], Verdict] | None = None


@dataclass
class _Run:
    """The part of a run that a snapshot holds."""

    step: int = 0
    loss: float = math.nan
    best: float = -math.inf
    best_eligible: bool = False
    best_epoch: int = -1
    best_state: dict[str, Tensor] = field(default_factory=dict)
    history: list[float] = field(default_factory=list)
    cooldown: tuple[int, int] | None = None
    """First step of the cool-down and how many it has, once it has begun."""


@dataclass(frozen=True)
class _Course:
    """How far a stage goes and at which rates.

    Args:
        settings: of the stage.
        epochs: of the run, or at most before the cool-down.
        steps: of an epoch.
        patience: as in the settings; 0 where nothing is validated.
    """

    settings: Optimiser
    epochs: int
    steps: int
    patience: int

    def end(self, run: _Run) -> int:
        """Return the step after the last one, as far as it is known."""
        return sum(run.cooldown) if run.cooldown else self.epochs * self.steps

    def rate(self, run: _Run) -> float:
        """Return learning rate of the next step, as a share of its peak."""
        if run.cooldown:
            first, total = run.cooldown
            return linear(run.step - first, total=total)
        total = self.epochs * self.steps
        rise = warm_up(run.step, total=total, steps=self.settings.warmup_steps)
        return rise if self.patience else rise * cosine(run.step, total=total)

    def is_over(self, run: _Run, epoch: int) -> bool:
        """Tell whether the time of the constant rate is over: patience has run out, or all epochs are done."""
        if not self.patience or run.cooldown:
            return False
        # As long as no state may be chosen at all, it is too early to lose patience.
        return epoch == self.epochs or (run.best_eligible and epoch - run.best_epoch >= self.patience)


def optimise(
    task: Task,
    settings: Optimiser,
    *,
    seed: int,
    snapshot: Path,
    progress: Progress,
    fabric: Fabric | None = None,
) -> dict[str, float | int | list[float]]:
    """Run a task to its end, from its snapshot when there is one.

    Args:
        task: what to optimise.
        settings: epochs, patience, rates and clipping.
        seed: of the whole training.
        snapshot: where the state of this stage is kept; removed by the caller once the stage's result is stored.
        progress: told each step.
        fabric: device, which the model is on, precision and processes; this processor in single precision when None.

    Returns:
        `best`, `best_epoch` (0 is the state before training) and `history` of the validation.

    Raises:
        NumericsError: the loss or its gradient is not finite; the snapshot then holds the state before that step.
    """
    course = _course(task, settings, progress)
    training = _Training(task, settings, fabric or open_fabric())
    run = training.resumed(snapshot) if snapshot.exists() else training.run
    progress.start(task.stage, steps=course.end(run), done=run.step)
    progress.note(_announcement(task, course, run))
    if run.step == 0:
        _validate(training, epoch=0, progress=progress)
    saved = started = time.monotonic()
    first = run.step
    for epoch in itertools.count(run.step // max(course.steps, 1)):
        if epoch * course.steps >= course.end(run):
            break
        for index, batch in enumerate(task.batches(epoch)):
            step = epoch * course.steps + index
            if step < run.step:
                continue
            try:
                training.step(batch, rate=course.rate(run), generator=_step_generator(seed, task.stage, step))
            except _DivergedError as diverged:
                raise _diverged(training, snapshot, str(diverged), total=course.end(run)) from None
            progress.advance(steps=1)
            if run.step - first == min(TIMED_STEPS, course.steps):
                each = (time.monotonic() - started) / (run.step - first)
                progress.note(_duration(course, run, task.stage, each))
            if index + 1 == course.steps:
                _validate(training, epoch=epoch + 1, progress=progress)
                if course.is_over(run, epoch + 1):
                    _cool_down(training, course, epoch=epoch + 1, progress=progress)
            if is_first() and time.monotonic() - saved > SNAPSHOT_SECONDS:
                save_snapshot(snapshot, training.state())
                saved = time.monotonic()
    training.finish()
    return {"best": run.best, "best_epoch": run.best_epoch, "history": run.history}


class _Training:
    """What a run changes: parameters, their optimiser and average, and how far it is.

    Args:
        task: what to optimise.
        settings: weight decay, average and clipping.
        fabric: device, precision and processes.
    """

    def __init__(self, task: Task, settings: Optimiser, fabric: Fabric) -> None:
        self.task = task
        self._fabric = fabric
        self.run = _Run()
        self._clip_norm = settings.clip_norm
        self._parameters = [parameter for group in task.groups for parameter in group["params"]]
        groups = decayed_groups(task.model, task.groups, settings.weight_decay)
        self._peaks = [group["lr"] for group in groups]
        self._optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98))
        self._forward = fabric.setup_module(_Step(task))
        self.averaged = AveragedWeights(self._parameters, settings.average)

    def step(self, batch: Batch, *, rate: float, generator: np.random.Generator) -> None:
        """Train on one batch.

        Args:
            batch: windows.
            rate: learning rate, as a share of its peak.
            generator: of this step.

        Raises:
            _DivergedError: the loss or its gradient is not finite; nothing has changed.
        """
        for group, peak in zip(self._optimiser.param_groups, self._peaks, strict=True):
            group["lr"] = peak * rate
        self.task.model.train()
        self._optimiser.zero_grad(set_to_none=True)
        batch = batch.to(self._fabric.device)
        loss: Tensor = self._forward(lambda: self.task.step(batch, generator))
        if not torch.isfinite(loss):
            raise _DivergedError(f"the loss became {loss.item()}")
        self._fabric.backward(loss)
        # A step along such a gradient would spoil every parameter, and the loss only tells one step later.
        if not torch.isfinite(nn.utils.clip_grad_norm_(self._parameters, self._clip_norm)):
            raise _DivergedError(f"the gradient of the loss, {loss.item():.4g}, became infinite")
        self._optimiser.step()
        self.run.loss, self.run.step = float(loss.item()), self.run.step + 1
        self.averaged.update(self.run.step - (self.run.cooldown[0] if self.run.cooldown else 0))

    def back_to_best(self) -> None:
        """Give the model its best state; Adam's averages, which span some fifty steps, go on as they are."""
        self.task.model.load_state_dict(self.run.best_state)
        self.averaged.restart()

    def finish(self) -> None:
        """Leave the model in the state that is kept."""
        if self.task.validate is None:
            self.averaged.keep()
        else:
            self.task.model.load_state_dict(self.run.best_state)
        self.task.model.eval()

    def state(self) -> dict[str, Any]:
        """Return everything that a resumed run needs, as tensors and plain values."""
        return {
            "model": self.task.model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "averaged": self.averaged.values,
            **vars(self.run),
        }

    def resumed(self, snapshot: Path) -> _Run:
        """Take over the state of an earlier run, and return how far it was."""
        state = load_snapshot(snapshot)
        self.task.model.load_state_dict(state.pop("model"))
        self._optimiser.load_state_dict(state.pop("optimiser"))
        self.averaged.restore(state.pop("averaged"))
        self.run = _Run(**state)
        return self.run


def _course(task: Task, settings: Optimiser, progress: Progress) -> _Course:
    """Plan a stage; what of its patience cannot count is said."""
    epochs, patience = settings.passes(task.steps_per_epoch), settings.patience
    if patience and task.validate is None:
        progress.note(f"{task.stage}: nothing is validated here, so patience does not count and all epochs are run")
        patience = 0
    if patience > epochs > 0:
        progress.note(f"{task.stage}: patience of {patience} epochs is longer than {epochs}, so all of them are run")
    return _Course(settings, epochs, task.steps_per_epoch, patience)


def _announcement(task: Task, course: _Course, run: _Run) -> str:
    """Say what a stage is about to do."""
    steps = f"{_epochs(course.epochs)} of {course.steps:,} step{'s' * (course.steps != 1)}"
    if course.patience:
        steps = f"at most {steps}, until {_epochs(course.patience)} bring nothing better, and a cool-down"
    return f"{task.stage}: {steps}" + (f", of which {run.step:,} steps are done" if run.step else "")


def _duration(course: _Course, run: _Run, stage: str, seconds: float) -> str:
    """Say how long a stage takes, by its first steps; validations come on top."""
    epoch, rest = seconds * course.steps, seconds * (course.end(run) - run.step)
    at_most = "at most " * bool(course.patience and not run.cooldown)
    return f"{stage}: about {_time(epoch)} an epoch, {at_most}{_time(rest)} left, and the validations"


def _epochs(count: int) -> str:
    return f"{count} epoch{'s' * (count != 1)}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def stage_seed(seed: int, stage: str) -> tuple[int, int]:
    """Seed of a stage, independent of every other stage's."""
    return seed, zlib.crc32(stage.encode())


def _step_generator(seed: int, stage: str, step: int) -> np.random.Generator:
    generator = np.random.default_rng((*stage_seed(seed, stage), step))
    torch.manual_seed(int(generator.integers(2**62)))
    return generator


class _Step(nn.Module):
    """A step as the forward pass of a module of what is trained: what Fabric gives precision and processes to.

    Of a step it sees the result alone, because it would cast and copy what goes in.
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.trained = nn.ParameterList([parameter for group in task.groups for parameter in group["params"]])

    def forward(self, loss: Callable[[], Tensor]) -> Tensor:
        return loss()


class _DivergedError(Exception):
    """A loss that diverged, in words; the step has changed nothing yet."""


def _diverged(training: _Training, snapshot: Path, what: str, *, total: int) -> NumericsError:
    """Return the error of a run that cannot go on, after its last good state is on the disk."""
    run = training.run
    if is_first():
        save_snapshot(snapshot, training.state())
    good = f"of step {run.step}, whose loss was {run.loss:.4g}," if run.step else "before the first step,"
    best = f" (best validation NDCG@10: {run.best:.4f} after epoch {run.best_epoch})" if run.best_epoch >= 0 else ""
    return NumericsError(
        f"Stage {training.task.stage}, step {run.step + 1} of {total}: {what}. "
        f"The last good state, {good} is kept in '{snapshot}'{best}. "
        "Lower learning_rate of this stage in the recipe and start over with --force; "
        "--resume repeats this step from that state."
    )


def _validate(training: _Training, *, epoch: int, progress: Progress) -> None:
    task, run = training.task, training.run
    if task.validate is None:
        return
    task.model.eval()
    with training.averaged.in_place():
        verdict = task.validate()
        run.history.append(verdict.quality)
        if (verdict.eligible, verdict.quality) > (run.best_eligible, run.best):
            run.best_eligible, run.best, run.best_epoch = verdict.eligible, verdict.quality, epoch
            run.best_state = {name: value.to("cpu", copy=True) for name, value in task.model.state_dict().items()}
    progress.note(f"{task.stage}, epoch {epoch}: validation NDCG@10 {verdict.quality:.4f} {verdict.remark}".rstrip())


def _cool_down(training: _Training, course: _Course, *, epoch: int, progress: Progress) -> None:
    """Go back to the best state and let the rate fall from there."""
    run, stage = training.run, training.task.stage
    epochs = cooldown_epochs(course.settings.cooldown, run.best_epoch)
    why = f"no better for {_epochs(epoch - run.best_epoch)}" if epoch > run.best_epoch else f"all {_epochs(epoch)} done"
    then = f"; cooling down from there for {_epochs(epochs)}" if epochs else ""
    progress.note(f"{stage}: {why}, best {run.best:.4f} after epoch {run.best_epoch}{then}")
    training.back_to_best()
    run.cooldown = (run.step, epochs * course.steps)
    progress.start(stage, steps=course.end(run), done=run.step)
