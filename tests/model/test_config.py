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
        ("depth_cap", 0),
        ("depth_cap", 4),
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


def test_a_network_without_a_cap_is_written_as_before_there_were_caps() -> None:
    config = ModelConfig(**SIZES)
    assert config.model_dump() == {**SIZES, "user_groups": 1}
    assert "depth_cap" not in config.model_dump_json()


def test_a_cap_is_written_and_read_again() -> None:
    config = ModelConfig(**SIZES, depth_cap=2)
    assert config.model_dump()["depth_cap"] == 2
    assert ModelConfig.model_validate_json(config.model_dump_json()) == config
