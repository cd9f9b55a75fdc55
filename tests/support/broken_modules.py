"""Modules of the network and of its device graphs, each of which computes one thing wrongly."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ofa_export.graphs.device import AdaptGraph, BlockGraph, ScoreGraph
from ofa_export.model.blocks.attention import attend
from ofa_export.model.blocks.masks import causal_bias
from ofa_export.model.blocks.transformer_block import TransformerBlock
from ofa_export.model.controller import StructureController
from ofa_export.model.extractor import PairExtractor
from ofa_export.model.mapper import Generator, StructureGuidedMapper

# A length or a mask that is not used at all would leave the graph, and the contract would be broken, too.


class LengthIgnored(AdaptGraph):
    def forward(self, history: Tensor, length: Tensor) -> tuple[Tensor, ...]:
        return super().forward(history, torch.full_like(length, history.shape[1]) + 0 * length)


class OneMore(AdaptGraph):
    def forward(self, history: Tensor, length: Tensor) -> tuple[Tensor, ...]:
        return super().forward(history, (length + 1).clamp(max=history.shape[1]))


class OneLater(AdaptGraph):
    def forward(self, history: Tensor, length: Tensor) -> tuple[Tensor, ...]:
        return super().forward(F.pad(history[:, :-1], (0, 0, 1, 0)), length)


class LengthIgnoredByBlock(BlockGraph):
    def forward(self, hidden: Tensor, length: Tensor, theta: Tensor) -> tuple[Tensor]:
        return super().forward(hidden, torch.full_like(length, hidden.shape[1]) + 0 * length, theta)


class CandidatesReversed(ScoreGraph):
    def forward(self, hidden: Tensor, candidates: Tensor) -> tuple[Tensor]:
        return (super().forward(hidden, candidates)[0].flip(1),)


class OneBefore(ScoreGraph):
    def forward(self, hidden: Tensor, candidates: Tensor) -> tuple[Tensor]:
        return super().forward(torch.cat([hidden[:, :1], hidden[:, :-1]], dim=1), candidates)


class Negated(ScoreGraph):
    def forward(self, hidden: Tensor, candidates: Tensor) -> tuple[Tensor]:
        return (-super().forward(hidden, candidates)[0],)


class PaddingPooled(PairExtractor):
    def forward(self, x: Tensor, valid: Tensor, query: Tensor) -> Tensor:
        return super().forward(x, torch.ones_like(valid) + 0 * valid, query)


class Backwards(PairExtractor):
    """Pairs an item with the one after it."""

    def forward(self, x: Tensor, valid: Tensor, query: Tensor) -> Tensor:
        return super().forward(x.flip(1), valid.flip(1), query)


class WithoutRelu(Generator):
    def forward(self, z: Tensor) -> Tensor:
        result: Tensor = self.out(self.hidden(z))
        return result


class ThresholdMoved(StructureController):
    def decide(self, keep_logits: Tensor) -> Tensor:
        return (keep_logits[:, :, 1] > keep_logits[:, :, 0] + 0.01).to(keep_logits.dtype)


class Inverted(StructureController):
    def decide(self, keep_logits: Tensor) -> Tensor:
        return 1 - super().decide(keep_logits)


def attention(block: TransformerBlock, x: Tensor, parts: dict[str, Tensor], *, bias: Tensor) -> Tensor:
    """Attention of a block with another mask."""
    query, key, value = (block.linear(name, x, parts) for name in ("query", "key", "value"))
    return block.linear("out", attend(query, key, value, bias=bias, heads=block.heads, dropout=block.dropout), parts)


class MaskIgnored(TransformerBlock):
    def _attend(self, x: Tensor, valid: Tensor, parts: dict[str, Tensor]) -> Tensor:
        return attention(self, x, parts, bias=0 * causal_bias(valid))


class FutureSeen(TransformerBlock):
    def _attend(self, x: Tensor, valid: Tensor, parts: dict[str, Tensor]) -> Tensor:
        return attention(self, x, parts, bias=((1 - valid) * -1e9)[:, None, None, :].expand(-1, 1, x.shape[1], -1))


class PaddingSeen(TransformerBlock):
    def _attend(self, x: Tensor, valid: Tensor, parts: dict[str, Tensor]) -> Tensor:
        return super()._attend(x, torch.ones_like(valid) + 0 * valid, parts)


class HeadsMixed(TransformerBlock):
    """Cuts the heads across the width, not along it."""

    def linear(self, name: str, x: Tensor, parts: dict[str, Tensor]) -> Tensor:
        result = super().linear(name, x, parts)
        return result.unflatten(-1, (-1, self.heads)).mT.flatten(2) if name in ("query", "key", "value") else result


class WrongSoftmaxScale(TransformerBlock):
    def linear(self, name: str, x: Tensor, parts: dict[str, Tensor]) -> Tensor:
        result = super().linear(name, x, parts)
        return result / math.sqrt(self.heads) if name == "query" else result


class SharpenedSoftmax(TransformerBlock):
    def linear(self, name: str, x: Tensor, parts: dict[str, Tensor]) -> Tensor:
        result = super().linear(name, x, parts)
        return result * 1.05 if name == "query" else result


class MaskWeakened(TransformerBlock):
    """Takes 3 from the logits of what is masked, which leaves some of it."""

    def _attend(self, x: Tensor, valid: Tensor, parts: dict[str, Tensor]) -> Tensor:
        return attention(self, x, parts, bias=causal_bias(valid).clamp(min=-3))


class AnotherActivation(TransformerBlock):
    def linear(self, name: str, x: Tensor, parts: dict[str, Tensor]) -> Tensor:
        result = super().linear(name, x, parts)
        return F.gelu(result) if name == "ffn_in" else result


class WithoutResidual(TransformerBlock):
    def forward(self, x: Tensor, valid: Tensor, theta: Tensor) -> Tensor:
        return super().forward(x, valid, theta) - x


class PaddingLeft(TransformerBlock):
    """Does not clear what it computes for padding."""

    def forward(self, x: Tensor, valid: Tensor, theta: Tensor) -> Tensor:
        parts = self.layout.split(theta)
        x = x + self._attend(self.norm("attention_norm", x, parts), valid, parts)
        hidden = torch.relu(self.linear("ffn_in", self.norm("ffn_norm", x, parts), parts))
        return x + self.linear("ffn_out", hidden, parts)


# What follows is right for all histories of a test's checkpoint, or for most of them.

RARE_ITEM = 13
"""Row of an item that is in no validation history of `toys.save_checkpoint`."""


def is_rare(values: Tensor, item: Tensor) -> Tensor:
    """Where values are the embedding of that item but for the rounding of the table, 1; elsewhere 0."""
    return ((values - item).norm(dim=-1) < 0.1 * item.norm()).to(values.dtype)


class RareItemIsNaN(AdaptGraph):
    """Knows the item, whose embedding is `rare` of its own embedding."""

    def forward(self, history: Tensor, length: Tensor) -> tuple[Tensor, ...]:
        hidden, gates, keep_logits, *thetas = super().forward(history, length)
        found = is_rare(history, self.embedding.rare).amax(dim=1, keepdim=True)
        return hidden, gates, keep_logits, *(theta / (1 - found) for theta in thetas)


class RareItemScoredHigher(ScoreGraph):
    def forward(self, hidden: Tensor, candidates: Tensor) -> tuple[Tensor]:
        return (super().forward(hidden, candidates)[0] + 0.1 * is_rare(candidates, self.final_norm.rare),)


class WrongAtOneLength(AdaptGraph):
    """Is off by a thousandth for histories of 5 items."""

    def forward(self, history: Tensor, length: Tensor) -> tuple[Tensor, ...]:
        hidden, gates, keep_logits, *thetas = super().forward(history, length)
        off = 1 + 1e-3 * (length == 5)
        return hidden, gates, keep_logits, *(theta * off for theta in thetas)


class WrongForFullHistories(BlockGraph):
    """Is off by a thousandth where nothing is padded."""

    def forward(self, hidden: Tensor, length: Tensor, theta: Tensor) -> tuple[Tensor]:
        return (super().forward(hidden, length, theta)[0] * (1 + 1e-3 * (length == hidden.shape[1])),)


class SecondOfTwoDropped(AdaptGraph):
    """Leaves out what equals the item before it."""

    def forward(self, history: Tensor, length: Tensor) -> tuple[Tensor, ...]:
        before = F.pad(history[:, :-1], (0, 0, 1, 0))
        return super().forward(history * (history != before).any(dim=-1, keepdim=True), length)


class LastPlacesWrong(ScoreGraph):
    """Is off by 0.1 in calls that are not full."""

    def forward(self, hidden: Tensor, candidates: Tensor) -> tuple[Tensor]:
        return (super().forward(hidden, candidates)[0] + 0.1 * (candidates[:, -1:] == 0).all(dim=-1),)


class WrongAfterNothing(TransformerBlock):
    """Is off by a tenth for inputs so small that no block can have run before."""

    def forward(self, x: Tensor, valid: Tensor, theta: Tensor) -> Tensor:
        small = x[:, -1].square().mean(dim=-1).sqrt() < 0.8
        return super().forward(x, valid, theta) * (1 + 0.1 * small[:, None, None])


class WrongWithAGateClosed(StructureGuidedMapper):
    """Is off by a thousandth for histories whose first gate is 0."""

    def forward(self, x: Tensor, valid: Tensor, keep_logits: Tensor) -> tuple[Tensor, ...]:
        closed = (keep_logits[:, 0, 1] <= keep_logits[:, 0, 0])[:, None]
        return tuple(theta * (1 + 1e-3 * closed) for theta in super().forward(x, valid, keep_logits))
