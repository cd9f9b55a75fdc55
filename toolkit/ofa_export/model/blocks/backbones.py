"""The backbones by name: their blocks, the input of the first one, and the state read from the last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ofa_export.model.blocks.adaptive_block import AdaptiveBlock
from ofa_export.model.blocks.gated_convolution_block import GatedConvolutionBlock
from ofa_export.model.blocks.history_embedding import NormedEmbedding, NormedItems, ScaledEmbedding
from ofa_export.model.blocks.linear_recurrent_block import LinearRecurrentBlock
from ofa_export.model.blocks.padded_norm import layer_norm
from ofa_export.model.blocks.post_norm_block import PostNormBlock
from ofa_export.model.blocks.query_norm_block import EPSILON, QueryNormBlock
from ofa_export.model.blocks.relative_transformer_block import RelativeTransformerBlock
from ofa_export.model.blocks.transformer_block import TransformerBlock
from ofa_export.model.config import BackboneName, ModelConfig


class UnmaskedQueryNormBlock(QueryNormBlock):
    """The published block after positions had come to start at 1, with every position real."""

    def forward(self, x: Tensor, valid: Tensor, theta: Tensor | None) -> Tensor:
        """Run the block with every position real."""
        return super().forward(x, torch.ones_like(valid), theta)


class UnmaskedNormFirstBlock(TransformerBlock):
    """The block of `norm_first`: pre-LN as in `TransformerBlock`, with every position real."""

    EPSILON: ClassVar[float] = EPSILON

    def forward(self, x: Tensor, valid: Tensor, theta: Tensor | None) -> Tensor:
        """Run the block with every position real."""
        return super().forward(x, torch.ones_like(valid), theta)


class UnmaskedNormLastBlock(PostNormBlock):
    """The block without `norm_first`: post-LN as in `PostNormBlock`, with ReLU inside and every position real."""

    EPSILON: ClassVar[float] = EPSILON

    def forward(self, x: Tensor, valid: Tensor, theta: Tensor | None) -> Tensor:
        """Run the block with every position real."""
        return super().forward(x, torch.ones_like(valid), theta)

    def activate(self, x: Tensor) -> Tensor:
        """Return the nonlinearity inside the feed-forward network."""
        return torch.relu(x)


MakeBlock = Callable[[ModelConfig, int, float], AdaptiveBlock]
"""Builds block number `index` with a dropout rate; every index must give the same `layout`."""

MakeModule = Callable[[ModelConfig], nn.Module]
"""Builds a part of which a network has one."""


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """Parts by which one backbone differs from another; the network around it is the same.

    Args:
        block: builds F_l.
        embedding: builds what turns (history [B, T, d], position [T, d], valid [B, T]) into [B, T, d].
        final_norm: builds what turns the last block's output into user states, [.., d] -> [.., d].
        positions: whether the network has a vector for each position of a history; a recurrence knows the order.
    """

    block: MakeBlock
    embedding: MakeModule
    final_norm: MakeModule
    positions: bool = True


def _transformer(config: ModelConfig, index: int, dropout: float) -> AdaptiveBlock:
    return TransformerBlock(width=config.width, heads=config.heads, rank=config.rank, dropout=dropout)


def _relative_transformer(config: ModelConfig, index: int, dropout: float) -> AdaptiveBlock:
    return RelativeTransformerBlock(
        width=config.width,
        heads=config.heads,
        history_length=config.history_length,
        rank=config.rank,
        dropout=dropout,
    )


def _gated_convolution(config: ModelConfig, index: int, dropout: float) -> AdaptiveBlock:
    return GatedConvolutionBlock(width=config.width, index=index, rank=config.rank, dropout=dropout)


def _linear_recurrent(config: ModelConfig, index: int, dropout: float) -> AdaptiveBlock:
    return LinearRecurrentBlock(width=config.width, rank=config.rank, dropout=dropout)


def _padded(kind: Callable[..., AdaptiveBlock]) -> MakeBlock:
    """Make blocks of a class without sizes of its own, whose norms look at the source's dimensions alone."""

    def make(config: ModelConfig, index: int, dropout: float) -> AdaptiveBlock:
        return kind(
            width=config.width,
            heads=config.heads,
            rank=config.rank,
            dropout=dropout,
            unpadded=config.normalised_width,
        )

    return make


def _norm_last(config: ModelConfig, index: int, dropout: float) -> AdaptiveBlock:
    return UnmaskedNormLastBlock(
        width=config.width,
        inner_width=config.width,
        heads=config.heads,
        rank=config.rank,
        dropout=dropout,
        unpadded=config.normalised_width,
    )


def _post_norm(config: ModelConfig, index: int, dropout: float) -> AdaptiveBlock:
    return PostNormBlock(
        width=config.width,
        inner_width=config.inner_width or config.width,
        heads=config.heads,
        rank=config.rank,
        dropout=dropout,
        unpadded=config.normalised_width,
    )


def _scaled(config: ModelConfig) -> nn.Module:
    return ScaledEmbedding(config.normalised_width)


def _final_norm(config: ModelConfig) -> nn.Module:
    return nn.LayerNorm(config.width)


def _pmixer_final_norm(config: ModelConfig) -> nn.Module:
    return layer_norm(config.width, config.normalised_width, EPSILON)


BACKBONES: Mapping[BackboneName, Backbone] = {
    "transformer": Backbone(block=_transformer, embedding=_scaled, final_norm=_final_norm),
    "relative-transformer": Backbone(block=_relative_transformer, embedding=_scaled, final_norm=_final_norm),
    "gated-convolution": Backbone(block=_gated_convolution, embedding=_scaled, final_norm=_final_norm),
    "linear-recurrent-unit": Backbone(
        block=_linear_recurrent,
        embedding=lambda config: NormedItems(config.width),
        final_norm=_final_norm,
        positions=False,
    ),
    "pmixer-sasrec": Backbone(block=_padded(QueryNormBlock), embedding=_scaled, final_norm=_pmixer_final_norm),
    "pmixer-sasrec-unmasked": Backbone(
        block=_padded(UnmaskedQueryNormBlock), embedding=_scaled, final_norm=_pmixer_final_norm
    ),
    "pmixer-sasrec-norm-first": Backbone(
        block=_padded(UnmaskedNormFirstBlock), embedding=_scaled, final_norm=_pmixer_final_norm
    ),
    "pmixer-sasrec-norm-last": Backbone(block=_norm_last, embedding=_scaled, final_norm=_pmixer_final_norm),
    "recbole-sasrec": Backbone(
        block=_post_norm,
        embedding=lambda config: NormedEmbedding(config.width, PostNormBlock.EPSILON, unpadded=config.normalised_width),
        final_norm=lambda config: nn.Identity(),
    ),
}
"""Adding a backbone: a file with its block in this folder, its name in `BackboneName`, and one entry here."""
