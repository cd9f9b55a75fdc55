"""One optimisation: Adam with warm-up and cosine decay, early stopping, resumable at any step.

Every random draw of step i comes from (seed, stage, i) alone, so a resumed run repeats what an unbroken one does.
Several processes take every step together; with dropout, windows at the same place of their shares drop alike.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ofa_export.errors import NumericsError
from ofa_export.training.distributed import is_first, replicated
from ofa_export.training.snapshot import load_snapshot, save_snapshot
from ofa_export.training.train_recipe import Optimiser
from ofa_export.training.training_progress import Progress
from ofa_export.training.windows import Batch

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


def optimise(
    task: Task, settings: Optimiser, *, seed: int, snapshot: Path, progress: Progress
) -> dict[str, float | int | list[float]]:
    """Run a task to its end, from its snapshot when there is one.

    Args:
        task: what to optimise.
        settings: epochs, rates and clipping.
        seed: of the whole training.
        snapshot: where the state of this stage is kept; removed by the caller once the stage's result is stored.
        progress: told each step.

    Returns:
        `best`, `best_epoch` (0 is the state before training) and `history` of the validation.

    Raises:
        NumericsError: the loss or its gradient is not finite; the snapshot then holds the state before that step.
    """
    epochs = settings.passes(task.steps_per_epoch)
    total = epochs * task.steps_per_epoch
    optimiser = torch.optim.Adam(task.groups, betas=(0.9, 0.98))
    peaks = [group["lr"] for group in optimiser.param_groups]
    run = _resume(task, optimiser, snapshot) if snapshot.exists() else _Run()
    forward = replicated(_Step(task))
    progress.start(task.stage, steps=total, done=run.step)
    progress.note(_announcement(task, epochs, done=run.step))
    if run.step == 0:
        _validate(task, run, epoch=0, progress=progress)
    saved = started = time.monotonic()
    first = run.step
    for epoch in range(run.step // max(task.steps_per_epoch, 1), epochs):
        for index, batch in enumerate(task.batches(epoch)):
            step = epoch * task.steps_per_epoch + index
            if step < run.step:
                continue
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * _schedule(step, total, settings.warmup_steps)
            generator = _step_generator(seed, task.stage, step)
            try:
                run.loss = _one_step(task, forward, optimiser, batch, settings.clip_norm, generator=generator)
            except _DivergedError as diverged:
                raise _diverged(task, optimiser, run, snapshot, str(diverged), total=total) from None
            run.step = step + 1
            progress.advance(steps=1)
            if run.step - first == min(TIMED_STEPS, task.steps_per_epoch):
                each = (time.monotonic() - started) / (run.step - first)
                progress.note(_duration(task, each, left=total - run.step))
            if index + 1 == task.steps_per_epoch:
                _validate(task, run, epoch=epoch + 1, progress=progress)
            if is_first() and time.monotonic() - saved > SNAPSHOT_SECONDS:
                save_snapshot(snapshot, _state(task, optimiser, run))
                saved = time.monotonic()
    if task.validate is not None:
        task.model.load_state_dict(run.best_state)
    task.model.eval()
    return {"best": run.best, "best_epoch": run.best_epoch, "history": run.history}


def _announcement(task: Task, epochs: int, *, done: int) -> str:
    """Say what a stage is about to do."""
    steps = f"{epochs} epoch{'s' * (epochs != 1)} of {task.steps_per_epoch:,} step{'s' * (task.steps_per_epoch != 1)}"
    return f"{task.stage}: {steps}" + (f", of which {done:,} steps are done" if done else "")


def _duration(task: Task, seconds: float, *, left: int) -> str:
    """Say how long a stage takes, by its first steps; validations come on top."""
    epoch, rest = seconds * task.steps_per_epoch, seconds * left
    return f"{task.stage}: about {_time(epoch)} an epoch, {_time(rest)} left, and the validations"


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


def _schedule(step: int, total: int, warmup: int) -> float:
    rise = min(1.0, (step + 1) / max(1, min(warmup, total // 2)))
    return rise * 0.5 * (1 + math.cos(math.pi * step / total))


class _Step(nn.Module):
    """A task's step as the forward pass of a module of what it trains, which is what processes can share."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.trained = nn.ParameterList([parameter for group in task.groups for parameter in group["params"]])
        self.step = task.step

    def forward(self, batch: Batch, generator: np.random.Generator) -> Tensor:
        return self.step(batch, generator)


class _DivergedError(Exception):
    """A loss that diverged, in words; the step has changed nothing yet."""


def _one_step(
    task: Task,
    forward: nn.Module,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    clip_norm: float,
    *,
    generator: np.random.Generator,
) -> float:
    task.model.train()
    optimiser.zero_grad(set_to_none=True)
    loss = forward(batch, generator)
    if not torch.isfinite(loss):
        raise _DivergedError(f"the loss became {loss.item()}")
    loss.backward()
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    # A step along such a gradient would spoil every parameter, and the loss only tells one step later.
    if not torch.isfinite(nn.utils.clip_grad_norm_(parameters, clip_norm)):
        raise _DivergedError(f"the gradient of the loss, {loss.item():.4g}, became infinite")
    optimiser.step()
    return float(loss.item())


def _diverged(
    task: Task, optimiser: torch.optim.Optimizer, run: _Run, snapshot: Path, what: str, *, total: int
) -> NumericsError:
    """Return the error of a run that cannot go on, after its last good state is on the disk."""
    if is_first():
        save_snapshot(snapshot, _state(task, optimiser, run))
    good = f"of step {run.step}, whose loss was {run.loss:.4g}," if run.step else "before the first step,"
    best = f" (best validation NDCG@10: {run.best:.4f} after epoch {run.best_epoch})" if run.best_epoch >= 0 else ""
    return NumericsError(
        f"Stage {task.stage}, step {run.step + 1} of {total}: {what}. "
        f"The last good state, {good} is kept in '{snapshot}'{best}. "
        "Lower learning_rate of this stage in the recipe and start over with --force; "
        "--resume repeats this step from that state."
    )


def _validate(task: Task, run: _Run, *, epoch: int, progress: Progress) -> None:
    if task.validate is None:
        return
    task.model.eval()
    verdict = task.validate()
    run.history.append(verdict.quality)
    progress.note(f"{task.stage}, epoch {epoch}: validation NDCG@10 {verdict.quality:.4f} {verdict.remark}".rstrip())
    if (verdict.eligible, verdict.quality) > (run.best_eligible, run.best):
        run.best_eligible, run.best, run.best_epoch = verdict.eligible, verdict.quality, epoch
        run.best_state = {name: value.clone() for name, value in task.model.state_dict().items()}


def _state(task: Task, optimiser: torch.optim.Optimizer, run: _Run) -> dict[str, Any]:
    return {"model": task.model.state_dict(), "optimiser": optimiser.state_dict(), **vars(run)}


def _resume(task: Task, optimiser: torch.optim.Optimizer, snapshot: Path) -> _Run:
    state = load_snapshot(snapshot)
    task.model.load_state_dict(state.pop("model"))
    optimiser.load_state_dict(state.pop("optimiser"))
    return _Run(**state)
