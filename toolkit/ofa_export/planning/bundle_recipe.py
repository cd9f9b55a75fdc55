"""Bundle recipes: everything that decides the bytes of a bundle besides checkpoint, converter, group and budget."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from ofa_export.precision import Precision, Scheme
from ofa_export.support.frozen_model import FrozenModel

SELFTEST_SNR_DB: Mapping[Scheme, float] = {"fp32": 90.0, "int8": 25.0, "int4": 8.0}
"""Floors by the coarsest scheme, well under what sound bundles reach and far above what a broken one does."""


class SelfTestRecipe(FrozenModel):
    """Size of the vectors by which a phone checks itself.

    Args:
        cases: made histories; their lengths go from 1 item to a full history.
        candidates: items that each history scores.
        tile_items: items whose codes are checked.
        min_snr_db: what the scores of every case must reach, in decibels; None for what the precision allows.
    """

    cases: int = Field(default=3, ge=1, le=64)
    candidates: int = Field(default=16, ge=1, le=1024)
    tile_items: int = Field(default=16, ge=1, le=1024)
    min_snr_db: float | None = Field(default=None, ge=0, le=200)


class _Common(FrozenModel):
    description: str = Field(min_length=1, max_length=500)
    candidates: int = Field(default=100, ge=1, le=4096)
    selftest: SelfTestRecipe
    tiles: int | None = Field(default=None, ge=1)

    def resolved(self, **choices: Any) -> BundleRecipe:
        """Return the recipe with these choices in place of its own."""
        fields = {name: getattr(self, name) for name in BundleRecipe.model_fields}
        return BundleRecipe(**fields | choices)


class BundleRecipe(_Common):
    """Recipe for a bundle, with every choice made.

    Args:
        description: what the recipe is for.
        precision: of the mapper's and the blocks' static weights; `int8`, or a default and the layers that differ.
        adaptation: whether structure controller and mapper go in.
        rank: columns of the generated weights; None keeps those that were trained.
        depth_cap: blocks that a user's network has at most; None keeps what was trained.
        items: the most popular ones that go in; None is all.
        candidates: C, items that one call of `score` ranks.
        selftest: size of the self-test.
        tiles: embedding tiles to keep; None keeps as many as the budget holds. `plan` fills it in.
    """

    precision: Precision
    adaptation: Literal["required", "none"] = "required"
    rank: int | None = Field(default=None, ge=1)
    depth_cap: int | None = Field(default=None, ge=1)
    items: int | None = Field(default=None, ge=1)

    @property
    def selftest_snr_db(self) -> float:
        """Signal to noise that the self-test asks of the scores, in decibels."""
        asked = self.selftest.min_snr_db
        return SELFTEST_SNR_DB[self.precision.schemes[-1]] if asked is None else asked

    def plain(self) -> dict[str, Any]:
        """As plain values, without what keeps network and catalogue as they are."""
        kept = {"adaptation": "required", "rank": None, "depth_cap": None, "items": None}
        fields = self.model_dump(mode="json")
        return {name: value for name, value in fields.items() if name not in kept or kept[name] != value}

    @property
    def complete(self) -> Self:
        """The same for the complete bundle: which of its tiles a budget holds is for the plan to say."""
        return self.model_copy(update={"tiles": None})

    def manifest_text(self) -> str:
        """As a manifest has it, JSON with sorted keys: `tiles` only where they are fixed.

        A bundle that holds as many tiles as its budget does not say how many, so that two ways to the same tiles give
        the same bytes.
        """
        fields = {name: value for name, value in self.plain().items() if name != "tiles" or value is not None}
        return json.dumps(fields, sort_keys=True)


Auto = Annotated[Literal["auto"], Tag("auto")]
Size = Annotated[int, Field(ge=1)]
# One mistake gives one sentence, not one for each thing that it could have been.
AUTO_OR_FIXED = Discriminator(lambda value: "auto" if value == "auto" else "fixed")


class OpenRecipe(_Common):
    """A bundle recipe as people write it: `auto` leaves a choice to the plan.

    Args:
        description: what the recipe is for.
        precision: as in `BundleRecipe`, or auto.
        adaptation: required, none, or auto, which drops the mapper where that ranks better for the bytes.
        rank: as in `BundleRecipe`, or auto.
        depth_cap: as in `BundleRecipe`, or auto.
        items: as in `BundleRecipe`, or prune-tail, which keeps as many of the most popular as rank best for the bytes.
        candidates: C, items that one call of `score` ranks.
        selftest: size of the self-test.
        tiles: as in `BundleRecipe`; only where nothing is left to the plan.
    """

    precision: Annotated[Auto | Annotated[Precision, Tag("fixed")], AUTO_OR_FIXED]
    adaptation: Literal["required", "none", "auto"] = "required"
    rank: Annotated[Auto | Annotated[Size | None, Tag("fixed")], AUTO_OR_FIXED] = None
    depth_cap: Annotated[Auto | Annotated[Size | None, Tag("fixed")], AUTO_OR_FIXED] = None
    items: Annotated[
        Annotated[Literal["prune-tail"], Tag("open")] | Annotated[Size | None, Tag("fixed")],
        Discriminator(lambda value: "open" if value == "prune-tail" else "fixed"),
    ] = None

    @property
    def open(self) -> bool:
        """True if anything is left to the plan."""
        chosen = "auto" in (self.precision, self.adaptation, self.rank, self.depth_cap)
        return chosen or self.items == "prune-tail"

    @model_validator(mode="after")
    def _tiles_are_of_one_configuration(self) -> OpenRecipe:
        if self.open and self.tiles is not None:
            raise ValueError("tiles can be fixed only where no other choice is left to the plan")
        return self
