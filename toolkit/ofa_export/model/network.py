"""The whole network: item table, backbone, structure controller and mapper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ofa_export.model.blocks.adaptive_block import AdaptiveBlock
from ofa_export.model.blocks.backbones import BACKBONES
from ofa_export.model.blocks.history_embedding import with_padding
from ofa_export.model.blocks.masks import valid_positions
from ofa_export.model.config import ModelConfig
from ofa_export.model.controller import StructureController
from ofa_export.model.initialisation import initialised
from ofa_export.model.mapper import StructureGuidedMapper
from ofa_export.model.theta import ThetaLayout

CERTAIN = 100.0
"""Logit of a decision that no noise turns."""


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """Result of one pass of controller and mapper.

    Args:
        keep_logits: [B, L, 2]; slot 1 means keep.
        gates: [B, L] of 0 and 1.
        thetas: L tensors [B, P].
    """

    keep_logits: Tensor
    gates: Tensor
    thetas: tuple[Tensor, ...]


class AdaptiveRecommender(nn.Module):
    """The reference of every export.

    Methods take item embeddings, never ids, so that the same code runs on the full table and on any prefix of tiles.

    Args:
        config: sizes.
        dropout: share of dropped activations while training.
        mapper_dropout: share of the mapper's z that is dropped while training.
    """

    def __init__(self, config: ModelConfig, *, dropout: float = 0.0, mapper_dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        d, L, backbone = config.width, config.depth, BACKBONES[config.backbone]
        self.tables = nn.Parameter(initialised(config.user_groups, config.items, d, std=d**-0.5))
        self.position = nn.Parameter(initialised(config.history_length, d, std=0.02)) if backbone.positions else None
        self.padding = nn.Parameter(torch.zeros(d)) if config.padding_vector else None
        self.embedding = backbone.embedding(config)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(backbone.block(config, index, dropout) for index in range(L))
        self.final_norm = backbone.final_norm(config)
        unpadded = config.normalised_width
        self.controller = StructureController(width=d, depth=L, depth_cap=config.depth_cap, unpadded=unpadded)
        self.mapper = StructureGuidedMapper(
            width=d, theta_sizes=(self.theta_size,) * L, dropout=mapper_dropout, unpadded=unpadded
        )

    @property
    def theta_size(self) -> int:
        """P, parameters that the mapper generates for one block."""
        return self.layout.size

    @property
    def layout(self) -> ThetaLayout:
        """Layout of the generated parameters of a block; the same for all blocks."""
        block = self.blocks[0]
        assert isinstance(block, AdaptiveBlock)
        return block.layout

    @property
    def dtype(self) -> torch.dtype:
        """Type that the network computes in; that of the item tables may be a narrower one."""
        return next(self.blocks.parameters()).dtype

    def backbone_parameters(self) -> list[nn.Parameter]:
        """Item tables and everything of the static net that may be trained; frozen parameters are left out."""
        parts = (self.blocks, self.final_norm, self.embedding)
        parameters = [self.tables, self.position, *(value for part in parts for value in part.parameters())]
        return [parameter for parameter in parameters if parameter is not None and parameter.requires_grad]

    def valid(self, length: Int[Tensor, " B"]) -> Float[Tensor, "B T"]:
        """Tell which positions are real, [B] -> [B, T] of 0 and 1."""
        return valid_positions(length, self.config.history_length, dtype=self.dtype)

    def embed(self, history: Float[Tensor, "B T d"], valid: Float[Tensor, "B T"]) -> Float[Tensor, "B T d"]:
        """Return the input of the first block: embeddings and positions as the backbone joins them.

        Where padded it is zero, or the vector that the network has for padding.

        Args:
            history: [B, T, d], item embeddings, left-padded; or [B, t, d] where no history is longer than t, in a
                network that does not look at padding.
            valid: [B, T].
        """
        t = history.shape[1]
        position = self.position if self.position is None or t == len(self.position) else self.position[-t:]
        x: Tensor = self.dropout(self.embedding(history, position, valid))
        return with_padding(x, valid, self.padding)

    def embed_rows(
        self, table: Float[Tensor, "V d"], rows: Int[Tensor, "B T"]
    ) -> tuple[Float[Tensor, "B T d"], Float[Tensor, "B T"]]:
        """Look histories up in a table and embed them.

        Args:
            table: [V, d].
            rows: int64 [B, T], item rows, -1 where padded on the left; or [B, t], as `embed` says.

        Returns:
            x [B, T, d] as `embed` gives it, and valid [B, T], which positions are real.
        """
        valid = valid_positions((rows >= 0).sum(dim=1), rows.shape[1], dtype=self.dtype)
        return self.embed(lookup(table, rows), valid), valid

    def adapt(self, x: Float[Tensor, "B T d"], valid: Float[Tensor, "B T"]) -> Adaptation:
        """Return one forward pass from an embedded history to gates and parameters.

        Args:
            x: [B, T, d] from `embed`.
            valid: [B, T].
        """
        keep_logits = self.controller(x, valid)
        return Adaptation(
            keep_logits=keep_logits,
            gates=self.controller.decide(keep_logits),
            thetas=self.mapper(x, valid, keep_logits),
        )

    def static_adaptation(self, batch: int) -> Adaptation:
        """Return the adaptation that gives the static net: every gate 1, every theta 0."""
        L = self.config.depth
        # So sure that a sampled gate is 1 as well.
        device = self.tables.device
        keep_logits = torch.tensor([-CERTAIN, CERTAIN], device=device).expand(batch, L, 2)
        thetas = (torch.zeros(batch, self.theta_size, device=device),) * L
        return Adaptation(keep_logits=keep_logits, gates=torch.ones(batch, L, device=device), thetas=thetas)

    def assemble(
        self, x: Float[Tensor, "B T d"], valid: Float[Tensor, "B T"], adaptation: Adaptation
    ) -> Float[Tensor, "B T d"]:
        """Run the blocks: x <- x + g_l * (F_l(x; theta_l) - x) (Forward-OFA, section 3.2).

        Args:
            x: [B, T, d] from `embed`.
            valid: [B, T].
            adaptation: gates and parameters.

        Returns:
            [B, T, d]; a block with gate 0 leaves no trace.
        """
        for index, block in enumerate(self.blocks):
            gate = adaptation.gates[:, index, None, None]
            x = x + gate * (block(x, valid, adaptation.thetas[index]) - x)
        return x

    def run_blocks(
        self,
        x: Float[Tensor, "B T d"],
        valid: Float[Tensor, "B T"],
        gates: Float[Tensor, "B L"],
        thetas: Sequence[Tensor],
    ) -> Float[Tensor, "B T d"]:
        """`assemble` without gradients, as on a device: what has gate 0 is not run.

        Args:
            x: [B, T, d] from `embed`; overwritten.
            valid: [B, T].
            gates: [B, L] of 0 and 1.
            thetas: L tensors [B, P].

        Returns:
            x.
        """
        for block, gate, theta in zip(self.blocks, gates.T.bool(), thetas, strict=True):
            if gate.any():
                x[gate] = block(x[gate], valid[gate], theta[gate])
        return x

    def states(self, hidden: Float[Tensor, "B T d"]) -> Float[Tensor, "B T d"]:
        """User states of every position, u = LN(x) in most backbones, [B, T, d]."""
        result: Tensor = self.final_norm(hidden)
        return result

    def assembled_states(
        self, x: Float[Tensor, "B T d"], valid: Float[Tensor, "B T"], adaptation: Adaptation
    ) -> Float[Tensor, "B T d"]:
        """Run the blocks and return user states of every position, [B, T, d]; the last one scores items.

        Args:
            x: [B, T, d] from `embed`.
            valid: [B, T].
            adaptation: gates and parameters.
        """
        return self.states(self.assemble(x, valid, adaptation))

    def static_states(self, table: Float[Tensor, "V d"], rows: Int[Tensor, "B T"]) -> Float[Tensor, "B T d"]:
        """Return user states of the static net at every position, [B, T, d].

        Args:
            table: [V, d].
            rows: int64 [B, T], item rows, -1 where padded on the left; or [B, t], as `embed` says.
        """
        x, valid = self.embed_rows(table, rows)
        for block in self.blocks:
            x = block(x, valid, None)
        return self.states(x)

    def forward(
        self, history: Float[Tensor, "B T d"], length: Int[Tensor, " B"], candidates: Float[Tensor, "V d"]
    ) -> Float[Tensor, "B V"]:
        """Adapt to each history and score all candidates: the three device graphs in one.

        Args:
            history: [B, T, d], item embeddings, left-padded with zeros.
            length: [B], real items of each history.
            candidates: [V, d].

        Returns:
            scores [B, V].
        """
        valid = self.valid(length)
        x = self.embed(history, valid)
        return self.assembled_states(x, valid, self.adapt(x, valid))[:, -1] @ candidates.T


def lookup(table: Float[Tensor, "V d"], rows: Int[Tensor, "B T"]) -> Float[Tensor, "B T d"]:
    """Item embeddings of a padded history.

    Args:
        table: [V, d].
        rows: [B, T], item rows, -1 where padded.

    Returns:
        [B, T, d], zero where padded.
    """
    return table[rows.clamp(min=0)] * (rows >= 0)[:, :, None].to(table.dtype)
