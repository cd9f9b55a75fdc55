from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ofa_export.data.histories import left_pad
from ofa_export.training.training_run import TrainingRun
from ofa_export.training.validation_set import choose_validation

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
