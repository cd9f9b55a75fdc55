from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from ofa_export.support.frozen_model import FiniteModel, FrozenModel


class Sizes(FrozenModel):
    width: int
    share: float = 1.0


class Limits(FiniteModel):
    share: float


@pytest.mark.parametrize("fields", [{"width": "8"}, {"width": 8.0}, {"width": 8, "depth": 2}, {}])
def test_other_types_unknown_fields_and_missing_ones_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Sizes.model_validate(fields)


def test_nothing_changes_afterwards() -> None:
    sizes = Sizes(width=8)
    with pytest.raises(ValidationError, match="frozen"):
        sizes.width = 16  # type: ignore[misc]


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_limits_are_finite(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        Limits(share=value)
    assert Sizes(width=8, share=math.inf).share == math.inf
