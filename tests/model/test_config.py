from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ofa_export.model.config import ModelConfig

SIZES: dict[str, Any] = {
    "items": 30,
    "width": 16,
    "depth": 3,
    "heads": 2,
    "history_length": 6,
    "rank": 2,
    "item_groups": 4,
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("items", 1),
        ("items", 2**24 + 1),
        ("width", 12),
        ("width", 0),
        ("depth", 0),
        ("depth", 33),
        ("heads", 3),
        ("history_length", 1),
        ("rank", 0),
        ("item_groups", 31),
        ("user_groups", 0),
        ("items", 30.0),
        ("depht", 3),
        ("backbone", "transfomer"),
        ("inner_width", 32),
    ],
)
def test_sizes_that_give_no_model_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        ModelConfig(**{**SIZES, field: value})


def test_groups_differ_in_size_by_at_most_one_and_the_first_are_larger() -> None:
    config = ModelConfig(**SIZES)
    assert config.group_sizes == (8, 8, 7, 7)
    assert config.embedding_blocks == 2
    assert config.user_groups == 1
