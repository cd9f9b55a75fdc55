"""The common form of all source formats: sizes, and the tensors of the static net under our names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional as F

from ofa_export.errors import CheckpointError
from ofa_export.model.config import BLOCK_WIDTH, BackboneName, ModelConfig

PADDING = "padding"
"""Name of the tensor that stands at positions before the history, in nets that look at these."""

Pad = Callable[[Tensor], Tensor]
"""Pads the last dimension of a tensor with zeros."""


@dataclass(frozen=True, kw_only=True)
class ImportedNet:
    """A recommender without anything that adapts.

    Args:
        backbone: name of the backbone with the source's formula.
        heads: attention heads.
        depth: L.
        table: [n, d], row i is the source's item i + 1; padding is left out.
        position: [T, d].
        inner_width: of the feed-forward networks, None where the backbone has no choice.
        tensors: the rest, by the names of our state dict.
        unpadded_width: the source's width where the tensors are padded to another, else None.
    """

    backbone: BackboneName
    heads: int
    depth: int
    table: Tensor
    position: Tensor
    tensors: Mapping[str, Tensor]
    inner_width: int | None = None
    unpadded_width: int | None = None

    def config(self, *, rank: int, item_groups: int) -> ModelConfig:
        """Return the sizes of the model that will hold it.

        Args:
            rank: r of the generated weights to come.
            item_groups: G_v; fewer when there are fewer items.

        Raises:
            CheckpointError: a size is one that this package has no model for.
        """
        items, width = self.table.shape
        try:
            return ModelConfig(
                items=items,
                width=width,
                depth=self.depth,
                heads=self.heads,
                history_length=len(self.position),
                rank=rank,
                item_groups=min(item_groups, items),
                backbone=self.backbone,
                inner_width=self.inner_width,
                unpadded_width=self.unpadded_width,
                padding_vector=PADDING in self.tensors,
            )
        except ValidationError as error:
            problems = "; ".join(
                ": ".join([*map(str, item["loc"]), item["msg"].removeprefix("Value error, ")])
                for item in error.errors()
            )
            raise CheckpointError(f"The source has sizes that no checkpoint can have: {problems}.") from error

    def padded(self) -> ImportedNet:
        """Return the same net with the width of its vectors padded to the next one that tiles and heads divide.

        Padded dimensions are zero in every tensor, and normalisations leave them out (`model.blocks.padded_norm`), so
        nothing reads them. Each head is padded by itself; the query takes what the larger width would make of the
        attention's scale.
        """
        width = self.table.shape[1]
        step = math.lcm(BLOCK_WIDTH, self.heads)
        padded = -(-width // step) * step
        if padded == width:
            return self
        heads, extra = self.heads, padded - width

        def side_by_side(value: Tensor) -> Tensor:
            """Pad the last dimension, which is that of the heads."""
            apart = value.reshape(*value.shape[:-1], heads, -1)
            return F.pad(apart, (0, extra // heads)).flatten(-2)

        def last(value: Tensor) -> Tensor:
            return F.pad(value, (0, extra))

        def inner(value: Tensor) -> Tensor:
            return last(value) if self.inner_width is None else value

        pads: dict[str, tuple[Pad, Pad]] = {
            "query": (side_by_side, last),
            "key": (side_by_side, last),
            "value": (side_by_side, last),
            "out": (last, side_by_side),
            "ffn_in": (inner, last),
            "ffn_out": (last, inner),
        }
        made = {}
        for name, value in self.tensors.items():
            layer = name.split(".linears.")[-1].split(".")[0]
            outputs, inputs = pads.get(layer, (last, last))
            # Rows are outputs, columns inputs; a bias has outputs alone.
            made[name] = outputs(value) if value.ndim == 1 else outputs(inputs(value).T).T
            if layer == "query":
                made[name] = made[name] * math.sqrt(padded / width)
        return replace(self, table=last(self.table), position=last(self.position), tensors=made, unpadded_width=width)
