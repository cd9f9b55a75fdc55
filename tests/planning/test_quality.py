from __future__ import annotations

from dataclasses import replace

import numpy as np

from ofa_export.bundle.writer import BundleContents
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.planning.quality import MEASURED_PREFIXES, group_histories, measured_prefixes


def test_the_floor_and_equal_steps_up_to_everything_are_measured(complete: BundleContents) -> None:
    steps = tuple(48 * step // MEASURED_PREFIXES for step in range(1, MEASURED_PREFIXES + 1))
    assert measured_prefixes(complete.table, floor=3) == (3, *steps)
    assert measured_prefixes(complete.table, floor=40) == (40, 42, 48)


def test_each_group_has_its_own_users(checkpoint: Checkpoint) -> None:
    assert np.array_equal(group_histories(checkpoint, 1), np.arange(1, 24, 2))


def test_a_group_without_users_is_measured_on_all(checkpoint: Checkpoint) -> None:
    validation = replace(checkpoint.validation, user_groups=np.zeros(24, np.int32))
    assert len(group_histories(replace(checkpoint, validation=validation), 1)) == 24
