from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from ofa_export.data.data_recipe import HistoryRecipe
from ofa_export.data.histories import PAD, Histories, build_histories
from ofa_export.training.baselines import MarkovChain, baseline_quality, popularity_scores
from ofa_export.training.training_run import TrainingRun, choose_validation


def histories_of(*texts: str) -> Histories:
    rows = [(f"u{user}", item, time) for user, text in enumerate(texts) for time, item in enumerate(text)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return build_histories(frame, recipe=HistoryRecipe(min_count=1, repeats="all", ties="file"), seed=0)


@pytest.fixture
def lettered() -> Histories:
    # Training parts: abab, ac, abd; held out: everything after.
    return histories_of("ababcc", "acdd", "abddd")


def ranking(histories: Histories, scores: np.ndarray) -> str:
    return "".join(histories.item_keys[row] for row in np.argsort(-scores, kind="stable"))


def test_popularity_ranks_alike_for_everyone_by_training_counts(lettered: Histories) -> None:
    scores = popularity_scores(lettered, 3)
    assert scores.shape == (3, 4)
    assert scores[2].tolist() == [4, 3, 1, 1]
    assert lettered.item_keys == ("a", "b", "c", "d")


def test_markov_counts_training_transitions_and_backs_off_to_popularity(lettered: Histories) -> None:
    chain = MarkovChain.fit(lettered)
    row = {key: row for row, key in enumerate(lettered.item_keys)}
    after_a, after_b, after_c = chain.scores(np.array([[PAD, row["a"]], [row["a"], row["b"]], [PAD, row["c"]]]))
    # a: b three times, c once; b: a once and d once, the tie broken by popularity; c: nothing seen.
    assert np.floor(after_a).tolist() == [0, 3, 1, 0]
    assert ranking(lettered, after_a) == "bcad"
    assert np.floor(after_b).tolist() == [1, 0, 0, 1]
    assert ranking(lettered, after_b) == "adbc"
    assert np.floor(after_c).tolist() == [0, 0, 0, 0]
    assert ranking(lettered, after_c) == "abcd"


def test_markov_looks_at_the_newest_item_only(lettered: Histories) -> None:
    scores = MarkovChain.fit(lettered).scores(np.array([[0, 1], [3, 1]]))
    assert (scores[0] == scores[1]).all()


def test_markov_of_an_empty_history_is_popularity(lettered: Histories) -> None:
    scores = MarkovChain.fit(lettered).scores(np.array([[PAD, PAD]]))
    assert ranking(lettered, scores[0]) == "abcd"


def test_markov_does_not_join_the_end_of_one_history_to_the_start_of_the_next() -> None:
    histories = histories_of("abxx", "cdxx")
    chain = MarkovChain.fit(histories)
    assert chain.counts.sum() == 2
    after_b = chain.scores(np.array([[histories.item_keys.index("b")]]))[0]
    assert after_b[histories.item_keys.index("c")] < 1


def test_scores_do_not_change_the_chain(lettered: Histories) -> None:
    chain, newest = MarkovChain.fit(lettered), np.array([[0]])
    assert (chain.scores(newest) == chain.scores(newest)).all()


def test_baselines_are_measured_on_the_validation_histories(
    run_of: Callable[..., TrainingRun], histories: Histories
) -> None:
    validation = choose_validation(run_of(probes={"users": 60}))
    measured = baseline_quality(histories, validation)
    # What follows an item decides in this data set; how often it occurs does not.
    assert measured["markov"] > 1.5 * measured["popularity"] > 0
    first = replace(validation, targets=np.zeros_like(validation.targets))
    assert baseline_quality(histories, first)["popularity"] == 1


def test_what_was_seen_is_left_out_where_items_are_bought_once(
    run_of: Callable[..., TrainingRun], histories: Histories
) -> None:
    validation = choose_validation(run_of())
    once = replace(histories, exclude_history=True)
    assert baseline_quality(once, validation)["popularity"] >= baseline_quality(histories, validation)["popularity"]
    seen = replace(
        validation, histories=np.tile(np.arange(6, dtype=np.int32), (20, 1)), targets=np.full(20, 6, np.int32)
    )
    assert baseline_quality(once, seen)["popularity"] == 1
    assert baseline_quality(histories, seen)["popularity"] < 0.5
