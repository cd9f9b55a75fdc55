"""The numbers that fix every tensor of a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_serializer, model_validator

from ofa_export.contract import DeviceShapes
from ofa_export.support.frozen_model import FrozenModel

BLOCK_WIDTH = 8
"""Dimensions of one embedding block: one byte per bit plane and item (docs/bundle-format.md)."""


Width = Annotated[int, Field(ge=8, le=1024, multiple_of=BLOCK_WIDTH)]
Depth = Annotated[int, Field(ge=1, le=32)]
Heads = Annotated[int, Field(ge=1, le=64)]
HistoryLength = Annotated[int, Field(ge=2, le=1024)]
Rank = Annotated[int, Field(ge=1, le=256)]
ItemGroups = Annotated[int, Field(ge=1, le=4096)]
UserGroups = Annotated[int, Field(ge=1, le=4096)]
InnerWidth = Annotated[int, Field(ge=1, le=8192)]

BackboneName = Literal[
    "transformer",
    "relative-transformer",
    "gated-convolution",
    "linear-recurrent-unit",
    "pmixer-sasrec",
    "pmixer-sasrec-unmasked",
    "pmixer-sasrec-norm-first",
    "pmixer-sasrec-norm-last",
    "recbole-sasrec",
]
"""Names of backbones, their blocks and how these are fed and read; `model.blocks.backbones` has the parts of each."""

IMPORTED_BACKBONES = (
    "pmixer-sasrec",
    "pmixer-sasrec-unmasked",
    "pmixer-sasrec-norm-first",
    "pmixer-sasrec-norm-last",
    "recbole-sasrec",
)
"""Backbones of nets that other code trained."""

WITH_PADDING = ("pmixer-sasrec-unmasked", "pmixer-sasrec-norm-first", "pmixer-sasrec-norm-last")
"""Backbones that look at positions before the history as at any other."""

WITH_INNER_WIDTH = ("recbole-sasrec",)
"""Backbones whose feed-forward network may be wider than d inside."""


class ModelConfig(FrozenModel):
    """Sizes of a model.

    Args:
        items: V, items of the catalogue.
        width: d, width of an item embedding; a multiple of 8.
        depth: L, backbone blocks.
        heads: attention heads of a backbone block; convolutions and recurrences have none and ignore them.
        history_length: T, items that the model looks at.
        rank: r, rank of the generated weight differences.
        item_groups: G_v, groups of items of similar popularity.
        user_groups: G_u, user groups with a table of their own; 1 is one shared table.
        backbone: what the blocks are.
        inner_width: width inside the feed-forward network of the backbones that have a choice; d when None.
        depth_cap: blocks that a user's network has at most; None for as many as the controller keeps.
        unpadded_width: dimensions of an imported net whose vectors are padded to `width`; None where nothing is padded.
        padding_vector: whether positions before the history hold a vector of their own; else they hold zeros.
    """

    items: int = Field(ge=2, le=2**24)
    width: Width
    depth: Depth
    heads: Heads
    history_length: HistoryLength
    rank: Rank
    item_groups: ItemGroups
    user_groups: UserGroups = 1
    backbone: BackboneName = "transformer"
    inner_width: InnerWidth | None = None
    depth_cap: Depth | None = None
    unpadded_width: Annotated[int, Field(ge=1, le=1024)] | None = None
    padding_vector: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> ModelConfig:
        if self.width % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide width ({self.width})")
        if self.item_groups > self.items:
            raise ValueError(f"item_groups ({self.item_groups}) must not exceed the number of items ({self.items})")
        if self.inner_width is not None and self.backbone not in WITH_INNER_WIDTH:
            raise ValueError(f"inner_width is for {', '.join(WITH_INNER_WIDTH)}; leave it out for {self.backbone}")
        if self.depth_cap is not None and self.depth_cap > self.depth:
            raise ValueError(f"depth_cap ({self.depth_cap}) must not exceed depth ({self.depth})")
        if self.unpadded_width is not None and self.backbone not in IMPORTED_BACKBONES:
            raise ValueError(f"unpadded_width is for imported nets; leave it out for {self.backbone}")
        if self.padding_vector and self.backbone not in WITH_PADDING:
            raise ValueError(f"padding_vector is for {', '.join(WITH_PADDING)}; leave it out for {self.backbone}")
        if self.unpadded_width is not None and self.unpadded_width >= self.width:
            raise ValueError(f"unpadded_width ({self.unpadded_width}) must be smaller than width ({self.width})")
        return self

    @model_serializer(mode="wrap")
    def _as_short_as_ever(self, serialise: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        # Networks that use none of the later fields are written as they were before these came.
        fields: dict[str, Any] = serialise(self)
        later = {
            "backbone": "transformer",
            "inner_width": None,
            "depth_cap": None,
            "unpadded_width": None,
            "padding_vector": False,
        }
        return {name: value for name, value in fields.items() if name not in later or later[name] != value}

    @property
    def normalised_width(self) -> int:
        """Dimensions that normalisations look at: all but the padded ones."""
        return self.unpadded_width or self.width

    @property
    def embedding_blocks(self) -> int:
        """N, embedding blocks of an item."""
        return self.width // BLOCK_WIDTH

    @property
    def group_sizes(self) -> tuple[int, ...]:
        """Items of each item group, most popular group first; sizes differ by at most one."""
        return tuple(len(part) for part in np.array_split(np.empty(self.items, np.uint8), self.item_groups))

    def shapes(self, *, theta_size: int, candidates: int) -> DeviceShapes:
        """Return the shapes of this model's device graphs.

        Args:
            theta_size: P, parameters that the mapper generates for one block.
            candidates: C, items that one call of `score` ranks.
        """
        return DeviceShapes(
            history_length=self.history_length,
            width=self.width,
            depth=self.depth,
            candidates=candidates,
            theta_size=theta_size,
        )
