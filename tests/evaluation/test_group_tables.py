from __future__ import annotations

import numpy as np
import pytest
import torch

from ofa_export.data.histories import HeldOut
from ofa_export.evaluation.contenders import network_score
from ofa_export.evaluation.controls import STARTS, ControlRuns
from ofa_export.evaluation.group_tables import GROUP_COUNTS, group_control, group_qualities
from ofa_export.evaluation.quality import measure
from ofa_export.ranking.scoring import static_adapt

pytestmark = pytest.mark.integration


def test_groups_start_at_the_shared_table_and_train_their_own(runs: ControlRuns) -> None:
    start, run = runs.run(STARTS["static"]), runs.run(group_control(4))
    assert run.model.tables.shape == (4, *start.model.tables.shape[1:])
    assert len(np.unique(run.user_groups)) > 1
    for name, value in start.model.state_dict().items():
        if name != "tables":
            assert torch.equal(value, run.model.state_dict()[name]), name


def test_each_user_is_measured_with_the_table_of_their_group(runs: ControlRuns, held_out: HeldOut) -> None:
    found = group_qualities(runs, held_out)
    assert tuple(point.groups for point in found) == GROUP_COUNTS
    for point in found:
        assert sum(point.sizes) == runs.subject.histories.users
        assert point.quality.ndcg.shape == (len(np.unique(held_out.users)),)
    run, users = runs.run(group_control(2)), np.unique(held_out.users)
    for place in (0, len(users) - 1):
        table = run.full_tables(int(run.user_groups[users[place]]))
        alone = held_out.of_users(users[[place]])
        score = network_score(run.model, static_adapt(run.model), table)
        assert found[1].quality.ndcg[place] == measure(score, alone, run.histories).ndcg[0]
