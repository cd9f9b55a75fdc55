from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch

from ofa_export.data.histories import left_pad
from ofa_export.errors import ConfigError, MissingToolError
from ofa_export.model.network import lookup
from ofa_export.training.groups_stage import cluster_users, train_groups, user_vectors
from ofa_export.training.static_stage import train_static
from ofa_export.training.training_run import TrainingRun

MakeRun = Callable[..., TrainingRun]


def test_one_group_keeps_its_table_and_gets_a_centre(run_of: MakeRun) -> None:
    run = run_of()
    before = run.model.tables.detach().clone()
    train_groups(run)
    assert torch.equal(run.model.tables, before)
    assert np.allclose(run.centroids[0], user_vectors(run).mean(axis=0))
    assert "groups" not in run.measured


def test_a_users_vector_is_the_static_nets_state_after_the_training_part(run_of: MakeRun) -> None:
    run = run_of()
    vectors = user_vectors(run)
    assert vectors.shape == (60, 16)
    model, rows = (
        run.model,
        torch.from_numpy(left_pad(run.histories.training_rows(7), 6)[None].astype(np.int64)),
    )
    valid = model.valid((rows >= 0).sum(dim=1))
    x = model.embed(lookup(model.tables[0], rows), valid)
    with torch.no_grad():
        state = model.states(model.assemble(x, valid, model.static_adaptation(1)))[0, -1]
    assert np.allclose(vectors[7], state.numpy(), atol=1e-5)


@pytest.mark.integration
def test_groups_of_few_people_are_named(run_of: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(model={"user_groups": 15})
    said: list[str] = []
    monkeypatch.setattr(run.progress, "note", said.append)
    cluster_users(run)
    few = [f"{group} ({size})" for group, size in enumerate(np.bincount(run.user_groups, minlength=15)) if size < 5]
    assert any(", ".join(few) in line and "fewer than 5 people" in line for line in said)


@pytest.mark.integration
def test_two_groups_share_out_all_users_and_get_tables_of_their_own(run_of: MakeRun) -> None:
    run = run_of(model={"user_groups": 2}, static={"epochs": 2}, groups={"epochs": 12})
    train_static(run)
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    vectors = user_vectors(run)
    train_groups(run)
    assert run.user_groups.shape == (60,)
    assert run.user_groups.dtype == np.int32
    assert set(run.user_groups) == {0, 1}
    assert run.measured["groups"]["sizes"] == np.bincount(run.user_groups).tolist()
    # Every user belongs to the nearest centre.
    distances = np.linalg.norm(vectors[:, None] - run.centroids[None], axis=2)
    assert np.array_equal(distances.argmin(axis=1), run.user_groups)
    assert run.measured["groups"]["best_epoch"] > 0
    assert not torch.equal(run.model.tables[0], run.model.tables[1])
    for name, value in run.model.state_dict().items():
        assert torch.equal(value, before[name]) == (name != "tables"), name


def test_the_missing_tool_is_named(run_of: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(MissingToolError) as caught:
        train_groups(run_of(model={"user_groups": 2}))
    assert str(caught.value) == (
        'User groups need scikit-learn. Install it with `pip install "ofa-export[train]"`, '
        "or set model.user_groups to 1 in the recipe."
    )
    train_groups(run_of())


@pytest.mark.integration
def test_more_groups_than_users(run_of: MakeRun) -> None:
    with pytest.raises(ConfigError, match="61 user groups need at least as many users; there are 60"):
        train_groups(run_of(model={"user_groups": 61}))
