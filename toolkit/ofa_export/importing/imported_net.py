"""The common form of all source formats: sizes, and the tensors of the static net under our names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from torch import Tensor

from ofa_export.errors import CheckpointError
from ofa_export.model.config import BLOCK_WIDTH, BackboneName, ModelConfig


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
    """

    backbone: BackboneName
    heads: int
    depth: int
    table: Tensor
    position: Tensor
    tensors: Mapping[str, Tensor]
    inner_width: int | None = None

    def config(self, *, rank: int, item_groups: int) -> ModelConfig:
        """Return the sizes of the model that will hold it.

        Args:
            rank: r of the generated weights to come.
            item_groups: G_v; fewer when there are fewer items.

        Raises:
            CheckpointError: a size is one that this package has no model for.
        """
        items, width = self.table.shape
        if width % BLOCK_WIDTH:
            raise CheckpointError(
                f"The source's embeddings have {width} dimensions, and the tiles of a bundle hold {BLOCK_WIDTH} each. "
                f"Train the source with {width - width % BLOCK_WIDTH or BLOCK_WIDTH} or "
                f"{width - width % BLOCK_WIDTH + BLOCK_WIDTH}: padding would change its LayerNorms and its scores."
            )
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
            )
        except ValidationError as error:
            problems = "; ".join(
                ": ".join([*map(str, item["loc"]), item["msg"].removeprefix("Value error, ")])
                for item in error.errors()
            )
            raise CheckpointError(f"The source has sizes that no checkpoint can have: {problems}.") from error
