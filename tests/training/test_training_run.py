from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from ofa_export.data.histories import left_pad
from ofa_export.ranking.metrics import ndcg, target_ranks
from ofa_export.ranking.scoring import score_histories, static_adapt
from ofa_export.training import training_run
from ofa_export.training.training_run import TrainingRun, choose_validation

MakeRun = Callable[..., TrainingRun]


def test_validation_is_the_mean_over_users_each_with_the_table_of_its_group(run_of: MakeRun) -> None:
    run = run_of(model={"user_groups": 2})
    run.user_groups[:20] = 1
    model, histories = run.model, run.histories
    qualities = []
    for user in run.validation_users:
        sequence, group = histories.sequence(int(user)), int(run.user_groups[user])
        history = sequence[:-2][-6:][None]
        scores, _ = score_histories(model, model.adapt, model.tables[group].detach(), history)
        qualities.append(ndcg(target_ranks(scores, sequence[-2:-1]), 10)[0])
    found, share = run.validation_ndcg(model.adapt, run.full_tables)
    assert found == pytest.approx(np.mean(qualities))
    assert share == 1
    assert len(run.validation_users) == 60


def test_a_group_without_validation_users_does_not_count(run_of: MakeRun) -> None:
    one, two = run_of(), run_of(model={"user_groups": 2})
    two.model.tables.data[0] = one.model.tables.data[0]
    two.model.load_state_dict(one.model.state_dict() | {"tables": two.model.tables.data})
    expected = one.validation_ndcg(static_adapt(one.model), one.full_tables)
    assert two.validation_ndcg(static_adapt(two.model), two.full_tables) == expected


def test_validation_looks_at_a_limited_number_of_users(run_of: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_run, "VALIDATION_USERS", 7)
    users = run_of().validation_users
    assert len(users) == 7
    assert np.array_equal(users, np.sort(users))
    assert np.array_equal(users, run_of().validation_users)
    assert not np.array_equal(users, run_of(seed=1).validation_users)


def test_the_seed_decides_the_first_weights(run_of: MakeRun) -> None:
    first, again, other = (run_of(seed=seed).model.position for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_session_starts_in_evaluation_mode(run_of: MakeRun) -> None:
    assert not run_of().model.training


def test_other_users_can_be_validated_on(run_of: MakeRun) -> None:
    run = run_of()
    model, users = run.model, np.array([3, 8])
    expected = np.mean([run.validation_ndcg(model.adapt, run.full_tables, users=users[i : i + 1])[0] for i in range(2)])
    assert run.validation_ndcg(model.adapt, run.full_tables, users=users)[0] == pytest.approx(expected)


MakeRun = Callable[..., TrainingRun]


def test_the_validation_set_is_of_validation_histories_with_what_came_next(run_of: MakeRun) -> None:
    run = run_of(probes={"users": 60})
    run.user_groups[:] = np.arange(60)
    validation = choose_validation(run)
    assert np.array_equal(np.sort(validation.user_groups), np.arange(60))
    for history, target, user in zip(validation.histories, validation.targets, validation.user_groups, strict=True):
        sequence = run.histories.sequence(int(user))
        assert target == sequence[-2]
        assert np.array_equal(history, left_pad(sequence[:-2], 6))


def test_no_more_histories_than_asked_for_and_the_seed_chooses(run_of: MakeRun) -> None:
    first, again, other = (choose_validation(run_of(seed=seed)) for seed in (0, 0, 1))
    assert len(first.targets) == 20
    assert np.array_equal(first.histories, again.histories)
    assert not np.array_equal(first.histories, other.histories)
    assert len(choose_validation(run_of(probes={"users": 1000})).targets) == 60
