"""Ways to break the graphs of an export, by changing a copy of the network before it is converted.

The checkpoint stays sound, and the bundle claims to be made from it: only numbers can tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ofa_export.graphs.device import AdaptGraph, BlockGraph, DeviceGraph, ScoreGraph, device_graphs
from ofa_export.model.attention import attend
from ofa_export.model.controller import StructureController
from ofa_export.model.extractor import PairExtractor
from ofa_export.model.mapper import Generator
from ofa_export.model.masks import causal_bias
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.model.theta import ThetaLayout
from ofa_export.model.transformer_block import TransformerBlock

Model = AdaptiveRecommender
Parts = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class GraphDefect:
    """One way to break graphs.

    Args:
        name: what is broken, as the documentation says it.
        found_by: assertions that have to fail, with `*` for any text.
        model: changes a copy of the network.
        graph: changes the modules of the device graphs that are cut from it.
        precisions: of the graphs; a defect has to be found at each.
        histories: of real users that are needed to see it, at most.
        cause: what a finding has to say.
    """

    name: str
    found_by: tuple[str, ...]
    model: Callable[[Model], None] = field(default=lambda model: None)
    graph: Callable[[AdaptGraph | BlockGraph | ScoreGraph], None] = field(default=lambda graph: None)
    precisions: tuple[str, ...] = ("int8",)
    histories: int = 10
    cause: str | None = None

    def graphs(self, model: Model, *, candidates: int) -> tuple[DeviceGraph, ...]:
        """The broken device graphs of a network, which is changed."""
        with torch.no_grad():
            self.model(model)
            made = device_graphs(model, candidates=candidates)
            for graph in made:
                self.graph(graph.module)  # type: ignore[arg-type]
        return made


def as_class(module: nn.Module, broken: type[nn.Module]) -> None:
    """Let a module compute as one of its subclasses does; its parameters stay."""
    module.__class__ = broken


def swap(first: Tensor, second: Tensor) -> None:
    kept = first.clone()
    first.copy_(second)
    second.copy_(kept)


def linear(model: Model, block: int, name: str) -> nn.Linear:
    static = model.blocks[block].linears[name].static
    assert isinstance(static, nn.Linear)
    return static


# --- constants


def swap_matrices_of_a_block(model: Model) -> None:
    swap(linear(model, 0, "query").weight, linear(model, 0, "key").weight)


def swap_matrices_of_the_extractor(model: Model) -> None:
    extractor = model.mapper.extractor
    swap(extractor.current.weight, extractor.previous.weight)


def swap_vectors(model: Model) -> None:
    swap(linear(model, 1, "ffn_in").bias, linear(model, 1, "ffn_out").bias)


def swap_norms(model: Model) -> None:
    norms = model.blocks[0].norms
    swap(norms["attention_norm"].gain, norms["ffn_norm"].gain)


def transpose(model: Model) -> None:
    weight = linear(model, 1, "value").weight
    weight.copy_(weight.T.clone())


def scale_of_an_output(layer: Callable[[Model], nn.Linear], output: int) -> Callable[[Model], None]:
    def changed(model: Model) -> None:
        layer(model).weight[output] *= 1.01

    return changed


def drop_bias(layer: Callable[[Model], nn.Linear]) -> Callable[[Model], None]:
    def changed(model: Model) -> None:
        layer(model).bias.zero_()

    return changed


def coarse_weights(model: Model) -> None:
    weight = model.mapper.generators[0].out.weight
    scale = weight.abs().amax(dim=1, keepdim=True) / 7
    weight.copy_((weight / scale).round() * scale)


def block_of_another(model: Model) -> None:
    model.blocks[1].load_state_dict(model.blocks[0].state_dict())


def generators_exchanged(model: Model) -> None:
    model.mapper.generators = nn.ModuleList(reversed(model.mapper.generators))


def without_basis(model: Model) -> None:
    model.blocks[0].linears["value"].basis.weight.zero_()


# --- normalisation


def epsilon(name: str) -> Callable[[Model], None]:
    def changed(model: Model) -> None:
        module = model.get_submodule(name)
        setattr(module, "epsilon" if hasattr(module, "epsilon") else "eps", 1e-6)

    return changed


def drop_final_norm(model: Model) -> None:
    model.final_norm = nn.Identity()


# --- positions, lengths, masks


def shift_positions(model: Model) -> None:
    model.position.copy_(model.position.roll(1, dims=0))


def forget_the_scale_of_embeddings(model: Model) -> None:
    model.embedding.scale = 1.0


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


def ignore_length(graph: nn.Module) -> None:
    if isinstance(graph, AdaptGraph):
        as_class(graph, LengthIgnored)


def count_one_more(graph: nn.Module) -> None:
    if isinstance(graph, AdaptGraph):
        as_class(graph, OneMore)


def align_one_later(graph: nn.Module) -> None:
    if isinstance(graph, AdaptGraph):
        as_class(graph, OneLater)


def ignore_length_in_blocks(graph: nn.Module) -> None:
    if isinstance(graph, BlockGraph):
        as_class(graph, LengthIgnoredByBlock)


class MaskIgnored(TransformerBlock):
    def _attend(self, x: Tensor, valid: Tensor, parts: Parts) -> Tensor:
        query, key, value = (self.linear(name, x, parts) for name in ("query", "key", "value"))
        bias = 0 * causal_bias(valid)
        return self.linear("out", attend(query, key, value, bias=bias, heads=self.heads, dropout=self.dropout), parts)


class PaddingSeen(TransformerBlock):
    def _attend(self, x: Tensor, valid: Tensor, parts: Parts) -> Tensor:
        return super()._attend(x, torch.ones_like(valid) + 0 * valid, parts)


class FutureSeen(TransformerBlock):
    def _attend(self, x: Tensor, valid: Tensor, parts: Parts) -> Tensor:
        query, key, value = (self.linear(name, x, parts) for name in ("query", "key", "value"))
        bias = ((1 - valid) * -1e9)[:, None, None, :].expand(-1, 1, x.shape[1], -1)
        return self.linear("out", attend(query, key, value, bias=bias, heads=self.heads, dropout=self.dropout), parts)


class Distracted(PairExtractor):
    """Pools padding too."""

    def forward(self, x: Tensor, valid: Tensor, query: Tensor) -> Tensor:
        x = self.norm(x) * valid[:, :, None]
        before = F.pad(x[:, :-1], (0, 0, 1, 0))
        features = self.mix(self.current(x) * self.previous(before))
        logits = (self.key(features) * query[:, None, :]).sum(dim=-1) / math.sqrt(x.shape[-1])
        weights = torch.softmax(logits, dim=-1)
        pooled: Tensor = self.pooled_norm((weights[:, :, None] * features).sum(dim=1))
        return pooled


class Backwards(PairExtractor):
    """Pairs an item with the one after it."""

    def forward(self, x: Tensor, valid: Tensor, query: Tensor) -> Tensor:
        x = self.norm(x) * valid[:, :, None]
        after = F.pad(x[:, 1:], (0, 0, 0, 1))
        features = self.mix(self.current(x) * self.previous(after))
        logits = (self.key(features) * query[:, None, :]).sum(dim=-1) / math.sqrt(x.shape[-1])
        weights = torch.softmax(logits + (1 - valid) * -1e9, dim=-1)
        pooled: Tensor = self.pooled_norm((weights[:, :, None] * features).sum(dim=1))
        return pooled


# --- attention and feed-forward


class HeadsMixed(TransformerBlock):
    """Cuts the heads across the width, not along it."""

    def _attend(self, x: Tensor, valid: Tensor, parts: Parts) -> Tensor:
        B, T, d = x.shape
        crosswise = [
            self.linear(name, x, parts).reshape(B, T, d // self.heads, self.heads).transpose(2, 3).reshape(B, T, d)
            for name in ("query", "key", "value")
        ]
        bias = causal_bias(valid)
        mixed = attend(*crosswise, bias=bias, heads=self.heads, dropout=self.dropout)
        return self.linear("out", mixed, parts)


class WrongSoftmaxScale(TransformerBlock):
    def _attend(self, x: Tensor, valid: Tensor, parts: Parts) -> Tensor:
        query, key, value = (self.linear(name, x, parts) for name in ("query", "key", "value"))
        query = query / math.sqrt(self.heads)
        mixed = attend(query, key, value, bias=causal_bias(valid), heads=self.heads, dropout=self.dropout)
        return self.linear("out", mixed, parts)


class WithoutResidual(TransformerBlock):
    def forward(self, x: Tensor, valid: Tensor, theta: Tensor) -> Tensor:
        return super().forward(x, valid, theta) - x


class AnotherActivation(TransformerBlock):
    def forward(self, x: Tensor, valid: Tensor, theta: Tensor) -> Tensor:
        parts = self.layout.split(theta)
        x = x + self._attend(self.norm("attention_norm", x, parts), valid, parts)
        hidden = F.gelu(self.linear("ffn_in", self.norm("ffn_norm", x, parts), parts))
        return (x + self.linear("ffn_out", hidden, parts)) * valid[:, :, None]


class PaddingLeft(TransformerBlock):
    """Does not clear what it computes for padding."""

    def forward(self, x: Tensor, valid: Tensor, theta: Tensor) -> Tensor:
        parts = self.layout.split(theta)
        x = x + self._attend(self.norm("attention_norm", x, parts), valid, parts)
        hidden = torch.relu(self.linear("ffn_in", self.norm("ffn_norm", x, parts), parts))
        return x + self.linear("ffn_out", hidden, parts)


class WithoutRelu(Generator):
    def forward(self, z: Tensor) -> Tensor:
        result: Tensor = self.out(self.hidden(z))
        return result


def blocks_as(broken: type[TransformerBlock]) -> Callable[[Model], None]:
    def changed(model: Model) -> None:
        as_class(model.blocks[0], broken)

    return changed


def extractor_as(broken: type[PairExtractor]) -> Callable[[Model], None]:
    def changed(model: Model) -> None:
        as_class(model.mapper.extractor, broken)

    return changed


def generator_as(broken: type[Generator]) -> Callable[[Model], None]:
    def changed(model: Model) -> None:
        as_class(model.mapper.generators[0], broken)

    return changed


def mix_theta(model: Model) -> None:
    block = model.blocks[0]
    layout: ThetaLayout = block.layout
    block.layout = ThetaLayout(linears=layout.linears[::-1], norms=layout.norms, rank=layout.rank)


# --- gates


class ThresholdMoved(StructureController):
    def decide(self, keep_logits: Tensor) -> Tensor:
        return (keep_logits[:, :, 1] > keep_logits[:, :, 0] + 0.01).to(keep_logits.dtype)


class Inverted(StructureController):
    def decide(self, keep_logits: Tensor) -> Tensor:
        return 1 - super().decide(keep_logits)


def controller_as(broken: type[StructureController]) -> Callable[[Model], None]:
    def changed(model: Model) -> None:
        as_class(model.controller, broken)

    return changed


def cap_depth(model: Model) -> None:
    model.controller.depth_cap = 1


# --- scores


class CandidatesReversed(ScoreGraph):
    def forward(self, hidden: Tensor, candidates: Tensor) -> tuple[Tensor]:
        return (super().forward(hidden, candidates)[0].flip(1),)


class OneBefore(ScoreGraph):
    def forward(self, hidden: Tensor, candidates: Tensor) -> tuple[Tensor]:
        return super().forward(torch.cat([hidden[:, :1], hidden[:, :-1]], dim=1), candidates)


class Negated(ScoreGraph):
    def forward(self, hidden: Tensor, candidates: Tensor) -> tuple[Tensor]:
        return (-super().forward(hidden, candidates)[0],)


def score_as(broken: type[ScoreGraph]) -> Callable[[nn.Module], None]:
    def changed(graph: nn.Module) -> None:
        if isinstance(graph, ScoreGraph):
            as_class(graph, broken)

    return changed


BOTH = ("fp32", "int8")
ADAPT, BLOCK_0, BLOCK_1, SCORE = (f"rounding.{name}.*.snr_db" for name in ("adapt", "block_0", "block_1", "score"))

GRAPH_DEFECTS: tuple[GraphDefect, ...] = (
    GraphDefect(name="query and key matrices of a block swapped", model=swap_matrices_of_a_block, found_by=(BLOCK_0,)),
    GraphDefect(name="two matrices of the mapper swapped", model=swap_matrices_of_the_extractor, found_by=(ADAPT,)),
    GraphDefect(name="two biases of a block swapped", model=swap_vectors, found_by=(BLOCK_1,)),
    GraphDefect(name="gains of two LayerNorms swapped", model=swap_norms, found_by=(BLOCK_0,)),
    GraphDefect(name="a matrix transposed", model=transpose, found_by=(BLOCK_1,)),
    GraphDefect(
        name="scale of one output of a generator off by 1 %",
        model=scale_of_an_output(lambda model: model.mapper.generators[1].out, 7),
        precisions=BOTH,
        histories=24,
        found_by=("scales.adapt.error_share",),
        cause="output 7 of mapper.generators.1.out",
    ),
    GraphDefect(
        name="scale of one output inside the mapper off by 1 %",
        model=scale_of_an_output(lambda model: model.mapper.extractor.mix, 3),
        precisions=("fp32",),
        histories=24,
        found_by=("scales.adapt.error_share",),
        cause="output 3 of mapper.extractor.mix",
    ),
    GraphDefect(
        name="scale of one output of the controller off by 1 %",
        model=scale_of_an_output(lambda model: model.controller.head_out, 1),
        precisions=("fp32",),
        histories=24,
        found_by=("scales.adapt.error_share",),
        cause="output 1 of controller.head_out",
    ),
    GraphDefect(
        name="scale of one output of a feed-forward layer off by 1 %",
        model=scale_of_an_output(lambda model: linear(model, 1, "ffn_in"), 5),
        precisions=BOTH,
        histories=24,
        found_by=("scales.block_1.error_share",),
        cause="output 5 of block.linears.ffn_in.static",
    ),
    GraphDefect(
        name="scale of one output of a value layer off by 1 %",
        model=scale_of_an_output(lambda model: linear(model, 0, "value"), 2),
        precisions=BOTH,
        histories=24,
        found_by=("scales.block_0.error_share",),
        cause="output 2 of block.linears.value.static",
    ),
    GraphDefect(
        name="bias of a generator dropped",
        model=drop_bias(lambda model: model.mapper.generators[0].hidden),
        found_by=("rounding.adapt.theta_0.snr_db",),
    ),
    GraphDefect(
        name="bias of a block's layer dropped",
        model=drop_bias(lambda model: linear(model, 0, "ffn_out")),
        found_by=(BLOCK_0,),
    ),
    GraphDefect(name="int4 weights under the name of int8", model=coarse_weights, found_by=(ADAPT,)),
    GraphDefect(name="one block's parameters used for another", model=block_of_another, found_by=(BLOCK_1,)),
    GraphDefect(name="generators of two blocks exchanged", model=generators_exchanged, found_by=(ADAPT,)),
    GraphDefect(name="generated part of a layer lost", model=without_basis, found_by=(BLOCK_0,)),
    GraphDefect(
        name="LayerNorm epsilon 1e-6 instead of 1e-5 in the controller",
        model=epsilon("controller.extractor.norm"),
        precisions=BOTH,
        found_by=("faint.adapt.keep_logits.snr_db",),
    ),
    GraphDefect(
        name="LayerNorm epsilon 1e-6 instead of 1e-5 in the mapper",
        model=epsilon("mapper.extractor.norm"),
        precisions=BOTH,
        found_by=("faint.adapt.theta_0.snr_db",),
    ),
    GraphDefect(
        name="LayerNorm epsilon 1e-6 instead of 1e-5 after pooling",
        model=epsilon("mapper.extractor.pooled_norm"),
        precisions=("fp32",),
        found_by=("rounding.adapt.theta_0.snr_db",),
    ),
    GraphDefect(
        name="LayerNorm epsilon 1e-6 instead of 1e-5 before attention",
        model=epsilon("blocks.0.norms.attention_norm"),
        precisions=BOTH,
        found_by=("faint.block_0.hidden.snr_db",),
    ),
    GraphDefect(
        name="LayerNorm epsilon 1e-6 instead of 1e-5 before the feed-forward layers",
        model=epsilon("blocks.0.norms.ffn_norm"),
        precisions=("fp32",),
        found_by=("rounding.block_0.hidden.snr_db",),
    ),
    GraphDefect(
        name="LayerNorm epsilon 1e-6 instead of 1e-5 in the score",
        model=epsilon("final_norm"),
        precisions=BOTH,
        found_by=("faint.score.scores.snr_db",),
    ),
    GraphDefect(name="last LayerNorm dropped", model=drop_final_norm, found_by=(SCORE,)),
    GraphDefect(name="positions shifted by one", model=shift_positions, found_by=("rounding.adapt.hidden.snr_db",)),
    GraphDefect(
        name="scale of embeddings missing",
        model=forget_the_scale_of_embeddings,
        found_by=("rounding.adapt.hidden.snr_db",),
    ),
    GraphDefect(name="length ignored", graph=ignore_length, found_by=("quantisation.adapt.hidden.snr_db",)),
    GraphDefect(name="length counted one too long", graph=count_one_more, found_by=("rounding.adapt.*.snr_db",)),
    GraphDefect(name="length ignored by the blocks", graph=ignore_length_in_blocks, found_by=(BLOCK_0,)),
    GraphDefect(
        name="history aligned one position early", graph=align_one_later, found_by=("rounding.adapt.hidden.snr_db",)
    ),
    GraphDefect(name="mask ignored", model=blocks_as(MaskIgnored), found_by=(BLOCK_0,)),
    GraphDefect(name="padding seen by attention", model=blocks_as(PaddingSeen), found_by=(BLOCK_0,)),
    GraphDefect(name="future seen by attention", model=blocks_as(FutureSeen), found_by=(BLOCK_0,)),
    GraphDefect(name="padding pooled by the mapper", model=extractor_as(Distracted), found_by=(ADAPT,)),
    GraphDefect(name="pairs of items taken backwards", model=extractor_as(Backwards), found_by=(ADAPT,)),
    GraphDefect(name="attention heads mixed", model=blocks_as(HeadsMixed), found_by=(BLOCK_0,)),
    GraphDefect(name="softmax scale wrong", model=blocks_as(WrongSoftmaxScale), found_by=(BLOCK_0,)),
    GraphDefect(name="residual dropped", model=blocks_as(WithoutResidual), found_by=(BLOCK_0,)),
    GraphDefect(name="activation replaced", model=blocks_as(AnotherActivation), found_by=(BLOCK_0,)),
    GraphDefect(name="padding left in a block's output", model=blocks_as(PaddingLeft), found_by=(BLOCK_0,)),
    GraphDefect(name="activation dropped in a generator", model=generator_as(WithoutRelu), found_by=(ADAPT,)),
    GraphDefect(name="slices of theta mixed", model=mix_theta, found_by=(BLOCK_0,)),
    GraphDefect(
        name="gate threshold moved by 0.01", model=controller_as(ThresholdMoved), found_by=("gates.undue_count",)
    ),
    GraphDefect(
        name="gates inverted", model=controller_as(Inverted), found_by=("gates.undue_count", "gates.flipped_count")
    ),
    GraphDefect(name="graph of another depth cap", model=cap_depth, found_by=("gates.undue_count",)),
    GraphDefect(name="candidate order reversed", graph=score_as(CandidatesReversed), found_by=(SCORE,)),
    GraphDefect(name="state of one position before", graph=score_as(OneBefore), found_by=(SCORE,)),
    GraphDefect(name="scores negated", graph=score_as(Negated), found_by=(SCORE, "session.scores.snr_db")),
)
