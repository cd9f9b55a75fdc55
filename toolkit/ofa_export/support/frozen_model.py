"""Base of what is read from files and recipes: frozen, strict, and without unknown fields."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """Refuse unknown fields and values of another type; nothing changes once it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FiniteModel(FrozenModel):
    """Refuse numbers that are not finite, too: what JSON has no word for, or no limit can be."""

    model_config = ConfigDict(allow_inf_nan=False)
