from __future__ import annotations

import numpy as np
import pytest

from ofa_export.data.data_recipe import HistoryRecipe
from ofa_export.data.histories import HeldOut, build_histories
from ofa_export.data.planted import planted_interactions
from ofa_export.evaluation.quality import BATCH, Quality, measure, per_user


def test_a_users_positions_count_as_one_user() -> None:
    users = np.array([3, 3, 3, 8, 5, 5])
    assert per_user(np.array([1.0, 0.0, 0.5, 0.25, 1.0, 0.0]), users).tolist() == [0.5, 0.5, 0.25]


@pytest.mark.parametrize("repeats", ["all", "first"])
def test_every_position_is_ranked_among_all_items_in_whatever_batches(repeats: str) -> None:
    frame = planted_interactions(users=5, items=9, types=1, length=5, seed=1)
    recipe = HistoryRecipe(min_count=1, repeats=repeats, ties="file")  # type: ignore[arg-type]
    histories = build_histories(frame, recipe=recipe, seed=0)
    rng = np.random.default_rng(0)
    count, V = BATCH + 7, histories.items
    history = rng.integers(-1, V, (count, 4)).astype(np.int32)
    targets = rng.integers(0, V, count).astype(np.int32)
    weight = rng.normal(size=(V + 1, V))
    found = measure(
        lambda rows: (weight[rows[:, -1]], None),
        HeldOut(users=np.arange(count), history=history, targets=targets),
        histories,
    )
    slow = []
    for row, target in zip(history, targets, strict=True):
        scores = weight[row[-1]]
        rivals = [item for item in range(V) if item != target and (repeats == "all" or item not in row)]
        rank = 1 + sum(scores[item] >= scores[target] for item in rivals)
        slow.append(1 / np.log2(1 + rank) if rank <= 10 else 0)
    np.testing.assert_allclose(found.ndcg, slow)
    assert (found.executed_share, found.gate_patterns) == (None, 0)


def test_gates_are_counted_and_leads_are_paired() -> None:
    def quality(*values: float) -> Quality:
        array = np.array(values)
        return Quality(ndcg=array, hits=array, executed=None, gate_patterns=0)

    lead = quality(0.6, 0.1, 0.9).lead_over(quality(0.5, 0.0, 0.8))
    assert (lead.mean, lead.half_width) == (pytest.approx(0.1), pytest.approx(0, abs=1e-12))
    assert quality(0.5, 0.0, 0.8).lead_over(quality(0.6, 0.1, 0.9)).mean == pytest.approx(-0.1)
