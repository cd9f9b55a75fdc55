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
from ofa_export.validation.sessions import Sessions, run_sessions, session_findings
from ofa_export.validation.tolerance import Limit


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


def test_scores_are_compared_where_the_gates_agree(
    device: Device, checkpoint: Checkpoint, histories: ValidationHistories
) -> None:
    sessions = run(device, checkpoint, histories)
    snr_db = np.full(len(histories), 90.0)
    snr_db[[1, 2]] = 5, 60
    same = np.arange(len(histories)) != 1
    floor = Limit(limit=50, why="test")
    (found,) = session_findings(replace(sessions, snr_db=snr_db, same_gates=same), histories, floor=floor)
    assert (found.status, found.measured) == ("pass", 60)
    assert histories.names[2] in found.sentence


def test_no_common_structure_at_all_is_a_failure(
    device: Device, checkpoint: Checkpoint, histories: ValidationHistories
) -> None:
    sessions = replace(run(device, checkpoint, histories), same_gates=np.zeros(len(histories), bool))
    (found,) = session_findings(sessions, histories, floor=Limit(limit=0, why="test"))
    assert (found.assertion, found.status) == ("session.flipped_count", "fail")
