from __future__ import annotations

import pytest

from ofa_export.data.data_recipe import HistoryRecipe
from ofa_export.errors import ConfigError, UnknownNameError


def test_a_minimum_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="min_count is 0"):
        HistoryRecipe(min_count=0)


@pytest.mark.parametrize("field", ["repeats", "ties"])
def test_an_unknown_choice_lists_the_valid_ones(field: str) -> None:
    with pytest.raises(UnknownNameError, match=r"'firsst'.*Valid: "):
        HistoryRecipe(**{field: "firsst"})  # type: ignore[arg-type]
