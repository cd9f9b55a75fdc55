from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.data.histories import PAD
from ofa_export.errors import ConfigError, NumericsError
from ofa_export.ranking.metrics import hit_rate, interval, ndcg, ndcg_at_10, target_ranks


def slow_rank(scores: list[float], target: int, history: list[int] | None) -> int:
    """Sorts the list a person would see, the target behind its equals, and looks it up."""
    left = [item for item in range(len(scores)) if item == target or item not in (history or [])]
    listed = sorted(left, key=lambda item: (-scores[item], item == target))
    return listed.index(target) + 1


def slow_ndcg(rank: int, k: int) -> float:
    gains = [1.0 if position == rank else 0.0 for position in range(1, k + 1)]
    ideal = 1.0 / math.log2(2)
    return sum(gain / math.log2(1 + position) for position, gain in enumerate(gains, start=1)) / ideal


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[list[float]], list[int], list[list[int]] | None]:
    items, users, length = draw(st.integers(1, 8)), draw(st.integers(1, 4)), draw(st.integers(0, 4))
    # Few distinct scores, so that ties are the rule.
    scores = [
        draw(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=items, max_size=items)) for _ in range(users)
    ]
    targets = [draw(st.integers(0, items - 1)) for _ in range(users)]
    rows = st.lists(st.integers(PAD, items - 1), min_size=length, max_size=length)
    history = draw(st.none() | st.lists(rows, min_size=users, max_size=users))
    return scores, targets, history


@given(batches(), st.integers(1, 10))
def test_ranks_and_metrics_agree_with_the_slow_reference(
    batch: tuple[list[list[float]], list[int], list[list[int]] | None], k: int
) -> None:
    scores, targets, history = batch
    ranks = target_ranks(
        np.array(scores, dtype=np.float32),
        np.array(targets, dtype=np.int32),
        history=None if history is None else np.array(history, dtype=np.int32).reshape(len(targets), -1),
    )
    expected = [
        slow_rank(row, target, None if history is None else history[user])
        for user, (row, target) in enumerate(zip(scores, targets, strict=True))
    ]
    assert ranks.tolist() == expected
    assert ndcg(ranks, k).tolist() == pytest.approx([slow_ndcg(rank, k) for rank in expected])
    assert hit_rate(ranks, k).tolist() == [float(rank <= k) for rank in expected]


def test_a_model_that_scores_everything_alike_comes_last() -> None:
    assert target_ranks(np.zeros((1, 50)), np.array([0])).tolist() == [50]


def test_padding_leaves_the_last_item_in_the_ranking() -> None:
    scores, history = np.array([[1.0, 2.0, 3.0]]), np.array([[PAD, PAD]])
    assert target_ranks(scores, np.array([0]), history=history).tolist() == [3]


def test_a_target_in_the_history_stays_in_the_ranking() -> None:
    scores, history = np.array([[1.0, 2.0, 3.0]]), np.array([[0, 2]])
    assert target_ranks(scores, np.array([0]), history=history).tolist() == [2]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_refused_by_place(value: float) -> None:
    scores = np.zeros((3, 4), dtype=np.float32)
    scores[1, 2] = value
    with pytest.raises(NumericsError, match=r"1 of 12 scores.*user 1 of the batch and item row 2"):
        target_ranks(scores, np.zeros(3, dtype=np.int32))


def test_ndcg_at_known_ranks() -> None:
    assert ndcg(np.array([1, 3, 10, 11]), 10).tolist() == pytest.approx([1, 0.5, 1 / math.log2(11), 0])


def test_the_interval_covers_the_true_mean_about_95_times_in_100() -> None:
    random = np.random.default_rng(0)
    intervals = [interval(random.random(400) ** 2) for _ in range(500)]
    assert sum(one.low <= 1 / 3 <= one.high for one in intervals) / 500 == pytest.approx(0.95, abs=0.025)


def test_the_interval_of_known_values() -> None:
    one = interval(np.array([0.0, 1.0, 0.0, 1.0]))
    assert (one.mean, one.users) == (0.5, 4)
    assert one.half_width == pytest.approx(1.96 * math.sqrt(1 / 3) / 2, rel=1e-4)
    assert str(one) == "0.5000 ± 0.5658"


def test_an_interval_over_one_user_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 2"):
        interval(np.array([1.0]))


def test_gains_are_rounded_once_wherever_they_are_computed() -> None:
    """The nearest float64 of each gain, by logarithms of fifty digits."""
    with mpmath.workdps(50):
        expected = [float(mpmath.log(2) / mpmath.log(1 + rank)) for rank in range(1, 101)]
    assert ndcg(np.arange(1, 101), 100).tolist() == expected


def test_ndcg_at_10_is_that_of_the_target_s_rank_among_all_items() -> None:
    scores = np.arange(40, 0, -1.0)[None].repeat(3, axis=0)
    targets = np.array([0, 9, 10], np.int32)
    assert ndcg_at_10(scores, targets).tolist() == pytest.approx([1, 1 / np.log2(11), 0])
    seen = np.array([[PAD, PAD], [PAD, 0], [1, 2]], np.int32)
    assert ndcg_at_10(scores, targets, history=seen).tolist() == pytest.approx([1, 1 / np.log2(10), 1 / np.log2(10)])
