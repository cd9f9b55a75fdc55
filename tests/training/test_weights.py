from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from ofa_export.data.histories import build_histories
from ofa_export.data.recipe import HistoryRecipe
from ofa_export.training.progress import Silent
from ofa_export.training.recipe import TrainRecipe
from ofa_export.training.training_run import Session, initial_session
from ofa_export.training.weights import _split, train_weights

MakeSession = Callable[..., Session]


@pytest.mark.integration
def test_importance_is_finite_positive_and_one_on_average_and_the_model_stays_as_it_was(
    session_of: MakeSession,
) -> None:
    session = session_of(model={"user_groups": 2})
    session.user_groups[::3] = 1
    before = {name: value.clone() for name, value in session.model.state_dict().items()}
    train_weights(session)
    assert session.importance.shape == (2, 3, 2)
    assert np.isfinite(session.importance).all()
    assert (session.importance > 0).all()
    assert session.importance.mean(axis=(1, 2)) == pytest.approx([1, 1], abs=1e-5)
    assert not np.allclose(session.importance[0], session.importance[1], atol=1e-3)
    for name, value in session.model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not session.model.training


@pytest.mark.integration
def test_the_same_seed_gives_the_same_importance(session_of: MakeSession) -> None:
    found = []
    for _ in range(2):
        session = session_of()
        train_weights(session)
        found.append(session.importance.copy())
        (session.folder / "weights-0.running").unlink(missing_ok=True)
    assert np.array_equal(found[0], found[1])


def test_the_table_and_the_controller_learn_from_different_users(session_of: MakeSession) -> None:
    session = session_of(model={"user_groups": 2})
    session.user_groups[::3] = 1
    for group in range(2):
        inner, outer = _split(session, group)
        assert set(inner.users).isdisjoint(outer.users)
        members = np.flatnonzero(session.user_groups == group)
        assert set(inner.users) | set(outer.users) == set(members)
        assert len(set(outer.users)) == len(members) // 10


@pytest.mark.integration
def test_users_without_anything_to_train_on_are_no_users_of_the_controller(
    recipe_of: Callable[..., TrainRecipe], session_of: MakeSession
) -> None:
    # Nine of ten users have a single training item, so that they have no window.
    rows = [(f"u{u:02}", f"i{(u + t) % 9}", t) for u in range(40) for t in range(8 if u % 10 == 0 else 3)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    histories = build_histories(frame, recipe=HistoryRecipe(min_count=1, repeats="all", ties="file"), seed=0)
    folder = session_of().folder
    for seed in range(5):
        session = initial_session(histories, recipe_of(), seed=seed, folder=folder, progress=Silent())
        train_weights(session)
        (folder / "weights-0.running").unlink(missing_ok=True)
        assert np.isfinite(session.importance).all()


def test_without_epochs_the_weights_come_from_the_controller_untrained(session_of: MakeSession) -> None:
    session = session_of(weights={"epochs": 0})
    train_weights(session)
    assert session.importance.mean() == pytest.approx(1, abs=1e-5)
    other = replace(session, seed=1, importance=session.importance.copy())
    train_weights(other)
    assert not np.array_equal(session.importance, other.importance)
