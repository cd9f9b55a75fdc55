from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ofa_export.errors import NumericsError
from ofa_export.training import training_loop
from ofa_export.training.snapshot import load_snapshot
from ofa_export.training.train_recipe import Optimiser
from ofa_export.training.training_loop import Task, Verdict, optimise, stage_seed
from ofa_export.training.training_progress import Silent
from ofa_export.training.windows import Batch

SETTINGS = Optimiser(epochs=3, learning_rate=0.1, warmup_steps=2, clip_norm=1e9)
STEPS = 4


class Walk(nn.Module):
    """One number that every step moves, by an amount that depends on the step's random draw."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(()))


class KilledError(Exception):
    """What a kill is to the code under test: no line after it runs."""


def task_of(model: Walk, *, verdicts: list[Verdict] | None = None, kill_at: int = -1) -> Task:
    steps = 0

    def batches(epoch: int) -> Iterator[Batch]:
        for index in range(STEPS):
            yield Batch(torch.full((1, 2), epoch * STEPS + index), torch.zeros(1, 2), 0)

    def step(batch: Batch, generator: np.random.Generator) -> Tensor:
        nonlocal steps
        if int(batch.inputs[0, 0]) == kill_at:
            raise KilledError
        steps += 1
        return model.place * (batch.inputs[0, 0] + 1 + generator.random() + torch.rand(()))

    given = iter(verdicts or [])
    return Task(
        stage="walk",
        model=model,
        groups=[{"params": [model.place], "lr": SETTINGS.learning_rate}],
        batches=batches,
        steps_per_epoch=STEPS,
        step=step,
        validate=None if verdicts is None else lambda: next(given),
    )


def fitted(
    model: Walk, folder: Path, *, settings: Optimiser = SETTINGS, seed: int = 0, **options: Any
) -> dict[str, Any]:
    task = task_of(model, **options)
    return optimise(task, settings, seed=seed, snapshot=folder / "walk.running", progress=Silent())


def qualities(*values: float) -> list[Verdict]:
    return [Verdict(quality=value) for value in values]


def test_the_best_state_is_restored(tmp_path: Path) -> None:
    places = []
    for best in range(4):
        model = Walk()
        measured = fitted(model, tmp_path, verdicts=qualities(*[1.0 if epoch == best else 0.0 for epoch in range(4)]))
        assert measured["best_epoch"] == best
        assert measured["best"] == 1
        assert len(measured["history"]) == 4
        places.append(model.place.item())
    assert places[0] == 0
    assert sorted(places, reverse=True) == places
    assert len(set(places)) == 4


def test_of_equal_states_the_earliest_is_kept(tmp_path: Path) -> None:
    assert fitted(Walk(), tmp_path, verdicts=qualities(0.5, 0.5, 0.5, 0.5))["best_epoch"] == 0


def test_an_ineligible_state_is_only_chosen_when_no_other_is_left(tmp_path: Path) -> None:
    verdicts = qualities(0.9, 0.8, 0.1, 0.2)
    ineligible = [Verdict(quality=verdict.quality, eligible=False) for verdict in verdicts]
    assert fitted(Walk(), tmp_path, verdicts=[*ineligible[:2], *verdicts[2:]])["best_epoch"] == 3
    assert fitted(Walk(), tmp_path, verdicts=ineligible)["best_epoch"] == 0


def test_without_validation_the_last_state_is_kept(tmp_path: Path) -> None:
    last, chosen = Walk(), Walk()
    fitted(last, tmp_path)
    fitted(chosen, tmp_path, verdicts=qualities(0, 0, 0, 1))
    assert last.place.item() == chosen.place.item()
    assert not last.training


def test_no_epochs_change_nothing(tmp_path: Path) -> None:
    model = Walk()
    measured = optimise(
        task_of(model, verdicts=qualities(0.3)),
        Optimiser(epochs=0, learning_rate=0.1),
        seed=0,
        snapshot=tmp_path / "walk.running",
        progress=Silent(),
    )
    assert (measured["best"], model.place.item()) == (0.3, 0)


def test_the_seed_decides_every_draw(tmp_path: Path) -> None:
    places = []
    for seed in (0, 0, 1):
        model = Walk()
        torch.rand(7)
        fitted(model, tmp_path, seed=seed)
        places.append(model.place.item())
    assert places[0] == places[1] != places[2]


def test_stages_and_seeds_draw_apart() -> None:
    assert len({stage_seed(seed, stage) for seed in (0, 1) for stage in ("static", "tiles")}) == 4


PATIENT = Optimiser(
    epochs=9, patience=2, cooldown=0.5, learning_rate=0.1, warmup_steps=2, clip_norm=1e9, weight_decay=0.1, average=0.9
)
"""Its best state is that after epoch 3; patience runs out after epoch 5, and two epochs of cooling down follow."""

PATIENT_QUALITIES = (0.1, 0.2, 0.3, 0.4, 0.4, 0.3, 0.35, 0.5)


def killed_and_resumed(
    folder: Path, settings: Optimiser, verdicts: list[Verdict], kill_at: int
) -> tuple[tuple[dict[str, Any], float], tuple[dict[str, Any], float]]:
    """What an unbroken run ends with, and one that is killed in a step and goes on."""
    for name in ("a", "b"):
        (folder / name).mkdir()
    unbroken, resumed = Walk(), Walk()
    expected = fitted(unbroken, folder / "a", settings=settings, verdicts=verdicts)
    with pytest.raises(KilledError):
        fitted(Walk(), folder / "b", settings=settings, verdicts=verdicts, kill_at=kill_at)
    done = 0 if kill_at == 0 else 1 + kill_at // STEPS
    found = fitted(resumed, folder / "b", settings=settings, verdicts=verdicts[done:])
    return (expected, unbroken.place.item()), (found, resumed.place.item())


@pytest.mark.parametrize("kill_at", [0, 1, 3, 4, 5, 8, 11])
@pytest.mark.parametrize("best", [0, 1, 3])
def test_a_killed_run_goes_on_as_if_nothing_had_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill_at: int, best: int
) -> None:
    monkeypatch.setattr(training_loop, "SNAPSHOT_SECONDS", -1.0)
    verdicts = qualities(*[1.0 if epoch == best else 0.0 for epoch in range(4)])
    unbroken, resumed = killed_and_resumed(tmp_path, SETTINGS, verdicts, kill_at)
    assert resumed == unbroken


@pytest.mark.parametrize("kill_at", [0, 6, 19, 20, 21, 24, 27])
def test_a_killed_run_with_patience_decay_and_average_goes_on_as_if_nothing_had_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill_at: int
) -> None:
    monkeypatch.setattr(training_loop, "SNAPSHOT_SECONDS", -1.0)
    unbroken, resumed = killed_and_resumed(tmp_path, PATIENT, qualities(*PATIENT_QUALITIES), kill_at)
    assert unbroken[0] == {"best": 0.5, "best_epoch": 7, "history": list(PATIENT_QUALITIES)}
    assert resumed == unbroken


class Notes(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.steps: list[int] = []

    def start(self, stage: str, *, steps: int, done: int) -> None:
        self.steps.append(steps)

    def note(self, text: str) -> None:
        self.told.append(text)


def told(settings: Optimiser, verdicts: list[Verdict] | None, folder: Path) -> Notes:
    notes = Notes()
    task = task_of(Walk(), verdicts=verdicts)
    optimise(task, settings, seed=0, snapshot=folder / "walk.running", progress=notes)
    return notes


def test_out_of_patience_a_stage_cools_down_from_its_best_state_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[float, float]] = []
    adam: Callable[..., Any] = torch.optim.AdamW.step

    def spy(self: torch.optim.AdamW, *args: Any, **kwargs: Any) -> Any:
        [group] = self.param_groups
        steps.append((group["params"][0].item(), group["lr"]))
        return adam(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", spy)
    settings = PATIENT.model_copy(update={"weight_decay": 0.0, "average": 0.0})
    notes = told(settings, qualities(*PATIENT_QUALITIES), tmp_path)
    assert len(steps) == (5 + 2) * STEPS
    assert [rate for _, rate in steps[:20]] == pytest.approx([0.05, *[0.1] * 19])
    assert [rate for _, rate in steps[20:]] == pytest.approx([0.1 * (1 - step / 8) for step in range(8)])
    assert steps[20][0] == steps[12][0], "where epoch 3 ended"
    assert "walk: at most 9 epochs of 4 steps, until 2 epochs bring nothing better, and a cool-down" in notes.told
    assert "walk: no better for 2 epochs, best 0.4000 after epoch 3; cooling down from there for 2 epochs" in notes.told
    assert notes.steps == [36, 28]


def test_the_best_state_before_a_cool_down_is_kept_when_that_brings_nothing(tmp_path: Path) -> None:
    kept, best = Walk(), Walk()
    measured = fitted(kept, tmp_path, settings=PATIENT, verdicts=qualities(0, 0.1, 0, 0, 0))
    assert (measured["best_epoch"], len(measured["history"])) == (1, 5)
    fitted(best, tmp_path, settings=PATIENT.model_copy(update={"cooldown": 0.0}), verdicts=qualities(0, 0.1, 0, 0))
    assert kept.place.item() == best.place.item()


def test_patience_waits_for_a_state_that_may_be_chosen(tmp_path: Path) -> None:
    ineligible = [Verdict(quality=0.9, eligible=False)] * 6
    measured = fitted(Walk(), tmp_path, settings=PATIENT, verdicts=[*ineligible, *qualities(0.1, 0, 0, 0, 0, 0)])
    assert (measured["best_epoch"], len(measured["history"])) == (6, 12)


@pytest.mark.parametrize(
    ("settings", "given", "line"),
    [
        (
            {"epochs": 2, "patience": 3},
            (0.1, 0.2, 0.3, 0.2),
            "walk: patience of 3 epochs is longer than 2, so all of them are run",
        ),
        (
            {"epochs": 2, "patience": 2},
            (0.1, 0.2, 0.3, 0.2),
            "walk: all 2 epochs done, best 0.3000 after epoch 2; cooling down from there for 1 epoch",
        ),
        (
            {"epochs": 2, "patience": 1},
            None,
            "walk: nothing is validated here, so patience does not count and all epochs are run",
        ),
    ],
)
def test_patience_that_does_not_run_out_is_said(
    tmp_path: Path, settings: dict[str, Any], given: tuple[float, ...] | None, line: str
) -> None:
    verdicts = None if given is None else qualities(*given)
    assert line in told(PATIENT.model_copy(update=settings), verdicts, tmp_path).told


def test_averaged_weights_are_validated_and_kept(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"average": 0.5})
    seen: list[float] = []
    model = Walk()
    task = task_of(model, verdicts=[])

    def validate() -> Verdict:
        seen.append(model.place.item())
        return Verdict(quality=float(len(seen)))

    optimise(replace(task, validate=validate), settings, seed=0, snapshot=tmp_path / "walk.running", progress=Silent())
    raw, alone = Walk(), Walk()
    fitted(raw, tmp_path)
    fitted(alone, tmp_path, settings=settings)
    # The walk goes down: its average is behind it.
    assert raw.place.item() < model.place.item() < 0
    assert model.place.item() == seen[-1] == alone.place.item()


def diverging(model: Walk, *, at: int, loss: Callable[[Tensor], Tensor]) -> Task:
    """The walk, except that the loss of one step is another."""
    task, seen = task_of(model), itertools.count()
    walk = task.step

    def step(batch: Batch, generator: np.random.Generator) -> Tensor:
        return loss(model.place) if next(seen) == at else walk(batch, generator)

    return replace(task, step=step)


DIVERGED: dict[str, Callable[[Tensor], Tensor]] = {
    "the loss became nan": lambda place: place * math.nan,
    "the loss became inf": lambda place: place * 0 + math.inf,
    # The loss is 0, its slope is not finite: the next step would be the first to see anything.
    "the gradient of the loss, 0, became infinite": lambda place: (place - place.detach()).sqrt(),
}


@pytest.mark.parametrize("what", DIVERGED)
def test_a_diverging_run_names_the_step_and_leaves_the_state_before_it(tmp_path: Path, what: str) -> None:
    snapshot = tmp_path / "walk.running"
    with pytest.raises(NumericsError) as caught:
        optimise(diverging(Walk(), at=6, loss=DIVERGED[what]), SETTINGS, seed=0, snapshot=snapshot, progress=Silent())
    message = str(caught.value)
    assert message.startswith(f"Stage walk, step 7 of 12: {what}. The last good state, of step 6, whose loss was ")
    assert f"is kept in '{snapshot}'" in message and "Lower learning_rate of this stage" in message
    state = load_snapshot(snapshot)
    assert state["step"] == 6
    assert math.isfinite(state["loss"]) and f"whose loss was {state['loss']:.4g}," in message
    assert torch.isfinite(state["model"]["place"])
    # What was left is the state of an unbroken run after six steps: with a sound loss it ends where that one does.
    (tmp_path / "unbroken").mkdir()
    resumed, unbroken = Walk(), Walk()
    fitted(resumed, tmp_path)
    fitted(unbroken, tmp_path / "unbroken")
    assert resumed.place.item() == unbroken.place.item()


def test_the_first_step_may_diverge(tmp_path: Path) -> None:
    task = diverging(Walk(), at=0, loss=lambda place: place * math.nan)
    with pytest.raises(NumericsError, match=r"step 1 of 12: .* good state, before the first step, is kept in"):
        optimise(task, SETTINGS, seed=0, snapshot=tmp_path / "walk.running", progress=Silent())


def test_a_diverging_run_names_the_best_validation_so_far(tmp_path: Path) -> None:
    verdicts = iter(qualities(0.1, 0.25))
    task = replace(diverging(Walk(), at=6, loss=lambda place: place * math.nan), validate=lambda: next(verdicts))
    with pytest.raises(NumericsError, match=r"best validation NDCG@10: 0\.2500 after epoch 1"):
        optimise(task, SETTINGS, seed=0, snapshot=tmp_path / "walk.running", progress=Silent())


def test_gradients_are_clipped(tmp_path: Path) -> None:
    norms: list[float] = []
    model = Walk()
    task = task_of(model)
    original: Callable[..., Any] = torch.optim.AdamW.step

    def spy(self: torch.optim.AdamW, *args: Any, **kwargs: Any) -> Any:
        assert model.place.grad is not None
        norms.append(model.place.grad.abs().item())
        return original(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", spy)
        settings = Optimiser(epochs=1, learning_rate=0.1, clip_norm=0.5)
        optimise(task, settings, seed=0, snapshot=tmp_path / "walk.running", progress=Silent())
    assert len(norms) == STEPS
    assert max(norms) == pytest.approx(0.5, rel=1e-4)


def test_progress_is_told_every_step_of_this_run_and_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_loop, "SNAPSHOT_SECONDS", -1.0)
    told: list[Any] = []

    class Listener:
        def start(self, stage: str, *, steps: int, done: int) -> None:
            told.append((stage, steps, done))

        def advance(self, *, steps: int) -> None:
            told.append(steps)

        def note(self, text: str) -> None:
            told.append(text)

    with pytest.raises(KilledError):
        fitted(Walk(), tmp_path, kill_at=5)
    optimise(
        task_of(Walk(), verdicts=qualities(0.25, 0.5)),
        SETTINGS,
        seed=0,
        snapshot=tmp_path / "walk.running",
        progress=Listener(),
    )
    assert told[0] == ("walk", 12, 5)
    assert sum(entry for entry in told if isinstance(entry, int)) == 7
    assert "walk, epoch 2: validation NDCG@10 0.2500" in told
    # Before the first silence: what there is to do, and as soon as it is known, how long it takes.
    assert told[1] == "walk: 3 epochs of 4 steps, of which 5 steps are done"
    assert any(isinstance(entry, str) and "an epoch" in entry and "left" in entry for entry in told)
