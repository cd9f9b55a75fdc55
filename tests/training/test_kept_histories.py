from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
import torch

from ofa_export.data.data_recipe import HistoryRecipe
from ofa_export.data.histories import Histories, build_histories
from ofa_export.errors import InteractionsError, UnknownNameError
from ofa_export.model.checkpoint import ValidationSet
from ofa_export.model.checkpoint_folder import HistoryKind, check_kind
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.training.kept_histories import SHARED, kept_centroids, kept_histories

SHARED_WALK = "abcdef"
TEXTS = [*[SHARED_WALK + "gh"] * 6, "uvwxyzbadgh"]
CONFIG = ModelConfig(items=12, width=16, depth=2, heads=2, history_length=4, rank=2, item_groups=3, user_groups=2)


def histories_of(texts: Sequence[str], *, once: bool = True) -> Histories:
    rows = [(f"u{user:02}", item, time) for user, text in enumerate(texts) for time, item in enumerate(text)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    recipe = HistoryRecipe(min_count=1, repeats="first" if once else "all", ties="file")
    return build_histories(frame, recipe=recipe, seed=0)


@pytest.fixture
def histories() -> Histories:
    """Of six people who do the same, and of one whom nobody resembles."""
    return histories_of(TEXTS)


@pytest.fixture
def model(histories: Histories) -> AdaptiveRecommender:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AdaptiveRecommender(CONFIG.model_copy(update={"items": histories.items})).eval().requires_grad_(False)


REAL = ValidationSet(
    histories=np.zeros((30, 4), np.int32),
    targets=np.zeros(30, np.int32),
    user_groups=np.array([0] * 20 + [1] * 10, np.int32),
)
GROUPS = np.array([0, 0, 0, 0, 0, 0, 1], np.int32)


@pytest.mark.parametrize("once", [True, False])
def test_a_walk_goes_where_several_people_went_and_has_nothing_of_a_single_one(
    model: AdaptiveRecommender, once: bool
) -> None:
    histories = histories_of(TEXTS, once=once)
    kept = kept_histories("synthetic", REAL, histories, model, user_groups=GROUPS, seed=(0, 1))
    walks = [
        "".join(histories.item_keys[row] for row in [*history[history >= 0], target])
        for history, target in zip(kept.histories, kept.targets, strict=True)
    ]
    assert kept.user_groups.tolist() == REAL.user_groups.tolist()
    assert set("".join(walks)) == set(SHARED_WALK)
    if once:
        assert all(len(set(walk)) == len(walk) for walk in walks)
    else:
        # After the last shared item nothing is shared, so a walk goes on anywhere.
        steps = {walk[place : place + 2] for walk in walks for place in range(len(walk) - 1)}
        assert {step for step in steps if step[0] != SHARED_WALK[-1]} == {"ab", "bc", "cd", "de", "ef"}


def test_drawn_histories_know_nothing_of_people_and_are_answered_by_the_net(
    histories: Histories, model: AdaptiveRecommender
) -> None:
    others = histories_of([text[::-1] for text in TEXTS])
    kept, same = (
        kept_histories("none", REAL, each, model, user_groups=GROUPS, seed=(0, 1)) for each in (histories, others)
    )
    assert np.array_equal(kept.histories, same.histories)
    assert np.unique(kept.lengths).tolist() == [1, 2, 3, 4]
    for history, target, group in zip(kept.histories, kept.targets, kept.user_groups, strict=True):
        table = model.tables[int(group)]
        rows = history[history >= 0]
        padded = torch.zeros(1, 4, 16)
        padded[0, 4 - len(rows) :] = table[rows.astype(np.int64)]
        scores = model(padded, torch.tensor([len(rows)]), table)[0]
        scores[rows.astype(np.int64)] = -torch.inf
        assert scores.argmax() == target


def test_real_ones_stay_as_they_are(histories: Histories, model: AdaptiveRecommender) -> None:
    assert kept_histories("real", REAL, histories, model, user_groups=GROUPS, seed=(0, 1)) is REAL


def test_where_people_share_nothing_there_is_no_walk(model: AdaptiveRecommender) -> None:
    alone = histories_of([SHARED_WALK] * (SHARED - 1))
    with pytest.raises(InteractionsError, match="Use --validation-histories none"):
        kept_histories("synthetic", REAL, alone, model, user_groups=np.zeros(SHARED - 1, np.int32), seed=(0, 1))


def test_another_kind_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnknownNameError, match="Valid: none, real, synthetic"):
        check_kind("fake")


def test_where_no_length_is_shared_no_walk_is_longer_than_several_people_are() -> None:
    texts = [("abcdefghijkl" * 2)[start : start + 8 + start % 4] for start in range(12)]
    histories = histories_of([*texts, "abcdefghijklyz"])
    model = AdaptiveRecommender(CONFIG.model_copy(update={"items": histories.items, "history_length": 12}))
    users = np.zeros(histories.users, np.int32)
    kept = kept_histories("synthetic", REAL, histories, model, user_groups=users, seed=(0, 1))
    # Of the training parts three have 9 items, three 8, and one 12: five people have 8 or more.
    assert kept.lengths.max() == 8


@pytest.mark.parametrize("kind", ["synthetic", "none"])
def test_the_mean_of_a_group_of_few_people_is_not_kept(kind: HistoryKind) -> None:
    centroids = np.ones((3, 4), np.float32)
    groups = np.repeat(np.arange(3, dtype=np.int32), (SHARED, SHARED - 1, 0))
    assert kept_centroids(kind, centroids, groups)[:, 0].tolist() == [1, 0, 0]
    assert kept_centroids("real", centroids, groups) is centroids
