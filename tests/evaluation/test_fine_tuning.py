from __future__ import annotations

import numpy as np
import pytest
import torch

from ofa_export.data.histories import HeldOut
from ofa_export.evaluation.contenders import network_score
from ofa_export.evaluation.fine_tuning import FineTuning, fine_tune, fine_tuned_score, time_adaptation
from ofa_export.evaluation.subject import Subject
from ofa_export.ranking.scoring import static_adapt

pytestmark = pytest.mark.integration
HOW = FineTuning(steps=10, learning_rate=1e-3)


def scores_of_next_items(model, table, history: np.ndarray) -> float:
    """Mean log probability of the items of a history, each from those before it."""
    total = []
    for end in range(1, history.shape[1]):
        if history[0, end - 1] < 0:
            continue
        prefix = np.full_like(history, -1)
        prefix[0, -end:] = history[0, :end]
        scores, _ = network_score(model, static_adapt(model), table)(prefix)
        total.append(torch.log_softmax(torch.from_numpy(scores[0]), 0)[history[0, end]].item())
    return float(np.mean(total))


def test_gradient_steps_fit_the_own_history_and_leave_the_start_alone(subject: Subject, held_out: HeldOut) -> None:
    model, table = subject.checkpoint.model, subject.checkpoint.table(0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    history = held_out.history[:1]
    tuned = fine_tune(model, table, history, HOW)
    assert scores_of_next_items(tuned, table, history) > scores_of_next_items(model, table, history) + 0.01
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(tuned.tables, model.tables)


def test_a_history_of_one_item_has_nothing_to_learn_from(subject: Subject) -> None:
    model, table = subject.checkpoint.model, subject.checkpoint.table(0)
    history = np.array([[-1, -1, -1, -1, -1, 4]], np.int32)
    tuned, _ = fine_tuned_score(model, table, HOW)(history)
    static, _ = network_score(model, static_adapt(model), table)(history)
    np.testing.assert_allclose(tuned, static, atol=1e-6)


def test_both_times_are_measured(subject: Subject, held_out: HeldOut) -> None:
    times = time_adaptation(subject.checkpoint.model, subject.checkpoint.table(0), held_out.history[:3], HOW)
    assert times.one_pass_ms > 0
    assert times.ratio == times.fine_tuning_ms / times.one_pass_ms
