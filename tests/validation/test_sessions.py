from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ofa_export.bundle.reader import Bundle
from ofa_export.converters.registry import get_converter
from ofa_export.device.loop import Device
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.ranking.metrics import target_ranks
from ofa_export.ranking.scoring import score_histories
from ofa_export.validation import sessions
from ofa_export.validation.histories import ValidationHistories, validation_histories
from ofa_export.validation.sessions import Sessions, _shown, latencies, run_sessions, score_sample


@pytest.fixture
def histories(checkpoint: Checkpoint) -> ValidationHistories:
    return validation_histories(checkpoint, group=0, maximum=100)


@pytest.fixture
def device(workshop: Any) -> Iterator[Device]:
    with Bundle.open(workshop.write(workshop.complete(precision="fp32"))) as bundle:
        yield Device(bundle, get_converter("torch-program").load(bundle.graphs, bundle.manifest.shapes.contract()))


def with_exclusion(checkpoint: Checkpoint, exclude: bool) -> Checkpoint:
    data = checkpoint.config.data.model_copy(update={"exclude_history": exclude})
    return replace(checkpoint, config=checkpoint.config.model_copy(update={"data": data}))


def run(device: Device, checkpoint: Checkpoint, histories: ValidationHistories) -> Sessions:
    return run_sessions(device, checkpoint, histories, group=0, table=device.table, trained=checkpoint)


def test_a_sound_device_has_the_reference_s_gates_rankings_and_scores(
    device: Device, checkpoint: Checkpoint, histories: ValidationHistories
) -> None:
    sessions = run(device, checkpoint, histories)
    assert sessions.same_gates.all() and len(sessions.same_gates) == len(histories)
    assert np.array_equal(sessions.device_ranks, sessions.reference_ranks)
    assert (sessions.top10_overlap == 1).all() and len(sessions.top10_overlap) == histories.whole
    assert sessions.abs_err.max() < 1e-4


@pytest.mark.parametrize("exclude", [True, False])
def test_items_of_the_history_are_ranked_unless_the_checkpoint_says_otherwise(
    device: Device, checkpoint: Checkpoint, histories: ValidationHistories, exclude: bool
) -> None:
    sessions = run(device, with_exclusion(checkpoint, exclude), histories)
    validation, model = checkpoint.validation, checkpoint.model
    scores, _ = score_histories(model, model.adapt, checkpoint.table(0), validation.histories)
    seen = validation.histories if exclude else None
    assert np.array_equal(sessions.full_ranks, target_ranks(scores, validation.targets, history=seen))


def test_scores_of_every_history_are_kept_to_look_at_and_its_times_are_taken(
    device: Device, checkpoint: Checkpoint, histories: ValidationHistories
) -> None:
    sessions = run(device, checkpoint, histories)
    best, middling, *_, last, _ = sessions.sampled_reference.T
    assert len(best) == len(histories)
    assert (best > middling).all() and (middling > last).all()
    assert np.abs(sessions.sampled_device - sessions.sampled_reference).max() == pytest.approx(sessions.abs_err.max())
    assert sessions.milliseconds.shape == (len(histories), 3)
    assert (sessions.milliseconds > 0).all()


def test_items_of_the_history_are_not_among_the_ten_best(checkpoint: Checkpoint) -> None:
    scores = np.arange(20, dtype=np.float32)
    assert sessions._best(scores, np.array([-1, 19, 18], np.int32)) == set(range(8, 18))
    assert sessions._best(scores, None) == set(range(10, 20))


def test_a_large_catalogue_in_several_steps_gives_the_same(
    device: Device, checkpoint: Checkpoint, histories: ValidationHistories, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = run(device, checkpoint, histories)
    monkeypatch.setattr(sessions, "VALUES_AT_ONCE", 7 * checkpoint.config.model.items)
    in_steps = run(device, checkpoint, histories)
    for name in ("gates", "same_gates", "top10_overlap", "device_ranks", "reference_ranks", "full_ranks"):
        assert np.array_equal(getattr(at_once, name), getattr(in_steps, name)), name


@pytest.fixture
def sampled() -> Sessions:
    whole = {name: np.zeros(0) for name in Sessions.__dataclass_fields__}
    whole["same_gates"] = np.array([True, False])
    whole["sampled_reference"] = np.array([[3, 1.23456789, 0], [6, 5, 4]], np.float32)
    whole["sampled_device"] = np.array([[3, 1, 0], [6, 7, 4]], np.float32)
    return Sessions(**whole)


def test_scores_of_one_item_stay_together_with_the_gates_of_their_history(sampled: Sessions) -> None:
    sample = score_sample(sampled)
    assert sample.reference == (3, 1.2346, 0, 6, 5, 4)
    assert sample.device == (3, 1, 0, 6, 7, 4)
    assert sample.same_gates == (True, True, True, False, False, False)


def test_items_are_shown_from_the_best_to_the_last_and_the_one_that_is_off_most() -> None:
    reference = np.arange(101, dtype=np.float32)[None, ::-1].repeat(2, axis=0)
    scores = reference.copy()
    scores[0, 17] += 9
    scores[1, 60] -= 9
    assert _shown(reference, scores, 6).tolist() == [[0, 25, 50, 75, 100, 17], [0, 25, 50, 75, 100, 60]]


def test_parts_and_the_whole_session_each_have_their_own_median() -> None:
    nothing = {name: np.zeros(0) for name in Sessions.__dataclass_fields__}
    # The slowest adapt and the slowest score are not of the same session, so medians do not add up.
    milliseconds = np.array([[1, 0, 9], [2, 0, 1], [9, 0, 2]], float)
    found = {part.part: part for part in latencies(Sessions(**{**nothing, "milliseconds": milliseconds}))}
    assert list(found) == ["adapt", "blocks", "score", "session"]
    assert {name: part.median_ms for name, part in found.items()} == {
        "adapt": 2,
        "blocks": 0,
        "score": 2,
        "session": 10,
    }
    assert found["adapt"].p90_ms == pytest.approx(7.6)
    assert {part.sessions for part in found.values()} == {3}
