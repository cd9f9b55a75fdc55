from __future__ import annotations

import numpy as np
import polars as pl

from ofa_export.data.data_recipe import HistoryRecipe
from ofa_export.data.histories import build_histories
from ofa_export.evaluation.user_segments import user_segments

SEQUENCES = {
    # a and b are alike, c and d are alike, the two pairs are not.
    "a-narrow": "aaaaaaaaxx",
    "a-broad": "acacacacxx",
    "b-shifted": "aaaaaaccxx",
}


def segments(**recipe: float):
    rows = [
        {"user_id": user, "item_id": item, "timestamp": time}
        for user, items in SEQUENCES.items()
        for time, item in enumerate(items)
    ]
    histories = build_histories(
        pl.DataFrame(rows), recipe=HistoryRecipe(min_count=1, repeats="all", ties="file", **recipe), seed=0
    )
    vectors = {"a": (1.0, 0.0), "c": (0.0, 1.0), "x": (0.5, 0.5)}
    table = np.array([vectors[key] for key in histories.item_keys], np.float32)
    found = user_segments(histories, np.arange(3), table)
    return histories, {(segment.trait, segment.label): segment.members for segment in found}


def test_each_trait_splits_the_users_into_thirds() -> None:
    _, found = segments()
    for trait in {trait for trait, _ in found} - {"kind in the key"}:
        members = [chosen for (other, _), chosen in found.items() if other == trait]
        assert np.sum(members, axis=0).tolist() == [1, 1, 1]


def test_breadth_and_shift_are_what_their_names_say() -> None:
    histories, found = segments()
    user = {key: index for index, key in enumerate(histories.user_keys)}
    assert found["breadth of interests", "narrow"].tolist().index(True) == user["a-narrow"]
    assert found["breadth of interests", "broad"].tolist().index(True) == user["a-broad"]
    assert found["recent shift of interest", "most"].tolist().index(True) == user["b-shifted"]


def test_kinds_in_the_keys_are_segments() -> None:
    histories, found = segments()
    kinds = [key[0] for key in histories.user_keys]
    assert found["kind in the key", "a"].tolist() == [kind == "a" for kind in kinds]
    assert found["kind in the key", "b"].sum() == 1


def test_users_who_were_not_in_training_are_a_segment() -> None:
    histories, found = segments(cold_users=0.34)
    assert found["in training", "no (cold)"].tolist() == histories.cold.tolist()
    assert histories.cold.sum() == 1
    assert histories.popularity.sum() == 16
    assert len(histories.training_rows(int(histories.cold_users[0]))) == 0
