"""The tiny data set that the scripts which are killed or share their work train on."""

from __future__ import annotations

from ofa_export.data.data_recipe import HistoryRecipe
from ofa_export.data.planted import planted_interactions
from ofa_export.data.sample import DataSet


def tiny_data() -> DataSet:
    """60 users of three hidden types."""
    return DataSet(
        name="tiny",
        interactions=planted_interactions(users=60, items=24, types=3, length=12, seed=1),
        titles={"item-00": "First"},
        recipe=HistoryRecipe(min_count=1, repeats="all", ties="file"),
        licence="CC0",
        attribution="Nobody.",
    )
