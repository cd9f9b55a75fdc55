from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ofa_export.data.histories import left_pad
from ofa_export.training.probes import choose_probes
from ofa_export.training.training_run import Session

MakeSession = Callable[..., Session]


def test_probes_are_validation_histories_with_what_came_next(session_of: MakeSession) -> None:
    session = session_of(probes={"users": 60})
    session.user_groups[:] = np.arange(60)
    probes = choose_probes(session)
    assert np.array_equal(np.sort(probes.user_groups), np.arange(60))
    for history, target, user in zip(probes.histories, probes.targets, probes.user_groups, strict=True):
        sequence = session.histories.sequence(int(user))
        assert target == sequence[-2]
        assert np.array_equal(history, left_pad(sequence[:-2], 6))


def test_no_more_probes_than_asked_for_and_the_seed_chooses(session_of: MakeSession) -> None:
    first, again, other = (choose_probes(session_of(seed=seed)) for seed in (0, 0, 1))
    assert len(first.targets) == 20
    assert np.array_equal(first.histories, again.histories)
    assert not np.array_equal(first.histories, other.histories)
    assert len(choose_probes(session_of(probes={"users": 1000})).targets) == 60
