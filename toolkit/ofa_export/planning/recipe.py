"""Bundle recipes: what decides the bytes of a bundle besides checkpoint, backend, group and budget."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from ofa_export.precision import Precision


class SelfTestRecipe(BaseModel):
    """Size of the vectors by which a phone checks itself.

    Args:
        cases: real histories; their lengths go from 1 item to a full history.
        candidates: items that each history scores.
        tile_items: items whose codes are checked.
        min_snr_db: what the scores of every case must reach, in decibels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    cases: int = Field(default=3, ge=1, le=64)
    candidates: int = Field(default=16, ge=1, le=1024)
    tile_items: int = Field(default=16, ge=1, le=1024)
    min_snr_db: float = Field(ge=0, le=200)


class BundleRecipe(BaseModel):
    """How a checkpoint becomes a bundle.

    Args:
        description: what the recipe is for.
        precision: of the mapper's and the blocks' static weights; `int8`, or a default and the layers that differ.
        candidates: C, items that one call of `score` ranks.
        selftest: size of the self-test.
        tiles: embedding tiles to keep; None keeps as many as the budget holds. `plan` fills it in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    description: str = Field(min_length=1, max_length=500)
    precision: Precision
    candidates: int = Field(default=100, ge=1, le=4096)
    selftest: SelfTestRecipe
    tiles: int | None = Field(default=None, ge=1)
