"""Ways to break the graphs of an export, by changing a copy of the network before it is converted.

The checkpoint stays sound, and the bundle claims to be made from it: only numbers can tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import broken_modules as broken
import torch
from torch import nn

from ofa_export.graphs.device import DeviceGraph, device_graphs
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.model.theta import ThetaLayout

Change = Callable[[AdaptiveRecommender], None]

INT8 = ("int8",)
SMALL = ("int8", "int4")
"""Precisions of what costs little, and drowns in quantisation noise unless that is known."""


PRECISIONS = ("fp32", "int8", "int4")


def unchanged(_: AdaptiveRecommender) -> None:
    """Leave the network as it is."""


@dataclass(frozen=True, kw_only=True)
class GraphDefect:
    """One way to break graphs.

    Args:
        name: what is broken, as the documentation says it.
        found_by: assertions that have to fail, with `*` for any text.
        model: changes a copy of the network.
        graph: what the device graphs of its parent class become.
        precisions: of the graphs; a defect has to be found at each.
        cause: what a finding has to say.
    """

    name: str
    found_by: tuple[str, ...]
    model: Change = field(default=unchanged)
    graph: type[nn.Module] | None = None
    precisions: tuple[str, ...] = INT8
    cause: str | None = None

    def graphs(self, model: AdaptiveRecommender, *, candidates: int) -> tuple[DeviceGraph, ...]:
        """The broken device graphs of a network, which is changed."""
        with torch.no_grad():
            self.model(model)
        made = device_graphs(model, candidates=candidates)
        for graph in made:
            if self.graph is not None and type(graph.module) is self.graph.__base__:
                graph.module.__class__ = self.graph
        return made


def computing_as(path: str, kind: type[nn.Module]) -> Change:
    """A module computes as a subclass of its class does."""

    def change(model: AdaptiveRecommender) -> None:
        model.get_submodule(path).__class__ = kind

    return change


def swapped(first: str, second: str) -> Change:
    """Two parameters of one shape are exchanged."""

    def change(model: AdaptiveRecommender) -> None:
        one, other = model.get_parameter(first), model.get_parameter(second)
        kept = one.clone()
        one.copy_(other)
        other.copy_(kept)

    return change


def without(parameter: str) -> Change:
    """A parameter is zero."""

    def change(model: AdaptiveRecommender) -> None:
        model.get_parameter(parameter).zero_()

    return change


def scale_of_an_output(layer: str, output: int) -> Change:
    """One output of a layer is 1 % too large."""

    def change(model: AdaptiveRecommender) -> None:
        model.get_parameter(f"{layer}.weight")[output] *= 1.01

    return change


def epsilon(norm: str) -> Change:
    """A LayerNorm has 1e-6 in place of 1e-5."""

    def change(model: AdaptiveRecommender) -> None:
        module = model.get_submodule(norm)
        setattr(module, "epsilon" if hasattr(module, "epsilon") else "eps", 1e-6)

    return change


def transposed(model: AdaptiveRecommender) -> None:
    weight = model.get_parameter("blocks.1.linears.value.static.weight")
    weight.copy_(weight.T.clone())


def columns_swapped(model: AdaptiveRecommender) -> None:
    weight = model.get_parameter("mapper.generators.0.out.weight")
    weight[:, [2, 3]] = weight[:, [3, 2]]


def four_bits(model: AdaptiveRecommender) -> None:
    weight = model.get_parameter("mapper.generators.0.out.weight")
    scale = weight.abs().amax(dim=1, keepdim=True) / 7
    weight.copy_((weight / scale).round() * scale)


def block_of_another(model: AdaptiveRecommender) -> None:
    model.blocks[1].load_state_dict(model.blocks[0].state_dict())


def generators_exchanged(model: AdaptiveRecommender) -> None:
    model.mapper.generators = nn.ModuleList(reversed(model.mapper.generators))


def without_last_norm(model: AdaptiveRecommender) -> None:
    model.final_norm = nn.Identity()


def positions_shifted(model: AdaptiveRecommender) -> None:
    model.position.copy_(model.position.roll(1, dims=0))


def embeddings_unscaled(model: AdaptiveRecommender) -> None:
    model.embedding.scale = 1.0


def theta_mixed(model: AdaptiveRecommender) -> None:
    layout: ThetaLayout = model.blocks[0].layout
    model.blocks[0].layout = ThetaLayout(linears=layout.linears[::-1], norms=layout.norms, rank=layout.rank)


def depth_capped(model: AdaptiveRecommender) -> None:
    model.controller.depth_cap = 1


def rare_item_known(model: AdaptiveRecommender) -> None:
    for module in (model.embedding, model.final_norm):
        module.register_buffer("rare", model.tables[0, broken.RARE_ITEM].clone())


FIRST, SECOND = "blocks.0.linears", "blocks.1.linears"
ADAPT, BLOCK_0, BLOCK_1, SCORE = ((f"rounding.{name}.*.snr_db",) for name in ("adapt", "block_0", "block_1", "score"))
HIDDEN = ("rounding.adapt.hidden.snr_db",)
UNDUE = ("gates.undue_count",)

CONSTANTS = (
    GraphDefect(
        name="query and key matrices of a block swapped",
        model=swapped(f"{FIRST}.query.static.weight", f"{FIRST}.key.static.weight"),
        found_by=BLOCK_0,
    ),
    GraphDefect(
        name="two matrices of the mapper swapped",
        model=swapped("mapper.extractor.current.weight", "mapper.extractor.previous.weight"),
        found_by=ADAPT,
    ),
    GraphDefect(
        name="two biases of a block swapped",
        model=swapped(f"{SECOND}.ffn_in.static.bias", f"{SECOND}.ffn_out.static.bias"),
        found_by=BLOCK_1,
    ),
    GraphDefect(
        name="gains of two LayerNorms swapped",
        model=swapped("blocks.0.norms.attention_norm.gain", "blocks.0.norms.ffn_norm.gain"),
        found_by=BLOCK_0,
    ),
    GraphDefect(name="a matrix transposed", model=transposed, found_by=BLOCK_1),
    GraphDefect(name="two columns of a matrix swapped", model=columns_swapped, precisions=SMALL, found_by=ADAPT),
    GraphDefect(name="bias of a generator dropped", model=without("mapper.generators.0.hidden.bias"), found_by=ADAPT),
    GraphDefect(
        name="bias of a block's layer dropped", model=without(f"{FIRST}.ffn_out.static.bias"), found_by=BLOCK_0
    ),
    GraphDefect(name="generated part of a layer lost", model=without(f"{FIRST}.value.basis.weight"), found_by=BLOCK_0),
    GraphDefect(name="int4 weights under the name of int8", model=four_bits, found_by=ADAPT),
    GraphDefect(name="one block's parameters used for another", model=block_of_another, found_by=BLOCK_1),
    GraphDefect(name="generators of two blocks exchanged", model=generators_exchanged, found_by=ADAPT),
    GraphDefect(name="slices of theta mixed", model=theta_mixed, found_by=BLOCK_0),
    GraphDefect(name="positions shifted by one", model=positions_shifted, found_by=HIDDEN),
    GraphDefect(name="scale of embeddings missing", model=embeddings_unscaled, found_by=HIDDEN),
)

SCALES = tuple(
    GraphDefect(
        name=f"scale of one output of {words} off by 1 %",
        model=scale_of_an_output(layer, output),
        precisions=SMALL,
        found_by=(f"scales.{graph}.error_share",),
        cause=f"output {output} of {place}",
    )
    for words, layer, output, graph, place in (
        ("a generator", "mapper.generators.1.out", 7, "adapt", "mapper.generators.1.out"),
        ("the controller", "controller.head_out", 1, "adapt", "controller.head_out"),
        ("a feed-forward layer", f"{SECOND}.ffn_in.static", 5, "block_1", "block.linears.ffn_in.static"),
        ("a value layer", f"{FIRST}.value.static", 2, "block_0", "block.linears.value.static"),
    )
)

INNER_SCALES = tuple(
    GraphDefect(
        name=f"scale of one output inside the mapper off by 1 %, {precision}",
        model=scale_of_an_output("mapper.extractor.mix", 3),
        precisions=(precision,),
        found_by=found_by,
        cause=cause,
    )
    for precision, found_by, cause in (
        ("fp32", ("scales.adapt.error_share",), "output 3 of mapper.extractor.mix"),
        # What it moves is rounded once more, so it is found, but not measured.
        ("int8", ADAPT, None),
        ("int4", ADAPT, None),
    )
)

NORMS = (
    *(
        GraphDefect(
            name=f"LayerNorm epsilon 1e-6 instead of 1e-5 {place}",
            model=epsilon(norm),
            precisions=SMALL,
            found_by=(found_by,),
        )
        for place, norm, found_by in (
            ("in the controller", "controller.extractor.norm", "small_inputs.adapt.keep_logits.snr_db"),
            ("in the mapper", "mapper.extractor.norm", "small_inputs.adapt.theta_0.snr_db"),
            ("after pooling", "mapper.extractor.pooled_norm", "rounding.adapt.theta_0.snr_db"),
            ("before attention", "blocks.0.norms.attention_norm", "small_inputs.block_0.hidden.snr_db"),
            ("before the feed-forward layers", "blocks.0.norms.ffn_norm", "small_inputs.block_0.hidden.snr_db"),
            ("in the score", "final_norm", "small_inputs.score.scores.snr_db"),
        )
    ),
    GraphDefect(name="last LayerNorm dropped", model=without_last_norm, found_by=SCORE),
)

MASKS = (
    GraphDefect(name="length ignored", graph=broken.LengthIgnored, found_by=HIDDEN),
    GraphDefect(name="length counted one too long", graph=broken.OneMore, found_by=ADAPT),
    GraphDefect(name="length ignored by the blocks", graph=broken.LengthIgnoredByBlock, found_by=BLOCK_0),
    GraphDefect(name="history aligned one position early", graph=broken.OneLater, found_by=HIDDEN),
    *(
        GraphDefect(name=name, model=computing_as(path, kind), found_by=found_by)
        for name, path, kind, found_by in (
            ("mask ignored", "blocks.0", broken.MaskIgnored, BLOCK_0),
            ("mask weakened", "blocks.0", broken.MaskWeakened, BLOCK_0),
            ("padding seen by attention", "blocks.0", broken.PaddingSeen, BLOCK_0),
            ("future seen by attention", "blocks.0", broken.FutureSeen, BLOCK_0),
            ("padding left in a block's output", "blocks.0", broken.PaddingLeft, BLOCK_0),
            ("padding pooled by the mapper", "mapper.extractor", broken.PaddingPooled, ADAPT),
        )
    ),
)

COMPUTATIONS = tuple(
    GraphDefect(name=name, model=computing_as(path, kind), found_by=found_by)
    for name, path, kind, found_by in (
        ("pairs of items taken backwards", "mapper.extractor", broken.Backwards, ADAPT),
        ("activation dropped in a generator", "mapper.generators.0", broken.WithoutRelu, ADAPT),
        ("attention heads mixed", "blocks.0", broken.HeadsMixed, BLOCK_0),
        ("softmax scale wrong", "blocks.0", broken.WrongSoftmaxScale, BLOCK_0),
        ("softmax sharpened a little", "blocks.0", broken.SharpenedSoftmax, BLOCK_0),
        ("residual dropped", "blocks.0", broken.WithoutResidual, BLOCK_0),
        ("activation replaced", "blocks.0", broken.AnotherActivation, BLOCK_0),
        ("gate threshold moved by 0.01", "controller", broken.ThresholdMoved, UNDUE),
        ("gates inverted", "controller", broken.Inverted, (*UNDUE, "gates.flipped_count")),
    )
)

DECISIONS_AND_SCORES = (
    GraphDefect(name="graph of another depth cap", model=depth_capped, found_by=UNDUE),
    GraphDefect(name="candidate order reversed", graph=broken.CandidatesReversed, found_by=SCORE),
    GraphDefect(name="state of one position before", graph=broken.OneBefore, found_by=SCORE),
    GraphDefect(name="scores negated", graph=broken.Negated, found_by=(*SCORE, "session.scores.snr_db")),
)

MINORITIES = (
    GraphDefect(
        name="one length off by a thousandth",
        graph=broken.WrongAtOneLength,
        precisions=PRECISIONS,
        found_by=("sweep.lengths.differing_count",),
        cause="5 items (theta_0 of adapt)",
    ),
    GraphDefect(
        name="blocks off by a thousandth where nothing is padded",
        graph=broken.WrongForFullHistories,
        found_by=("sweep.lengths.differing_count",),
        cause="8 items (hidden of block_0)",
    ),
    GraphDefect(
        name="NaN for an item that no validation history holds",
        model=rare_item_known,
        graph=broken.RareItemIsNaN,
        found_by=("sweep.adapt.theta_0.snr_db",),
        cause="NaN",
    ),
    GraphDefect(
        name="second of two equal items dropped",
        graph=broken.SecondOfTwoDropped,
        found_by=("sweep.adapt.hidden.snr_db", "sweep.adapt.theta_0.snr_db"),
        cause="some repeated",
    ),
    GraphDefect(
        name="a rare item scored higher by 0.1",
        model=rare_item_known,
        graph=broken.RareItemScoredHigher,
        found_by=("session.candidates.max_abs_err",),
        cause=f"row {broken.RARE_ITEM}",
    ),
    GraphDefect(
        name="scores of calls that are not full off by 0.1",
        graph=broken.LastPlacesWrong,
        found_by=("session.candidates.max_abs_err",),
    ),
    GraphDefect(
        name="a block off by a tenth for some inputs when none ran before it",
        model=computing_as("blocks.1", broken.WrongAfterNothing),
        found_by=("sweep.block_1.hidden.snr_db",),
    ),
    GraphDefect(
        name="parameters off by a thousandth when a gate is closed",
        model=computing_as("mapper", broken.WrongWithAGateClosed),
        found_by=("sweep.own_gates.differing_count",),
        cause="block 1 (theta_0 of adapt)",
    ),
)

GRAPH_DEFECTS: tuple[GraphDefect, ...] = (
    *CONSTANTS,
    *SCALES,
    *INNER_SCALES,
    *NORMS,
    *MASKS,
    *COMPUTATIONS,
    *DECISIONS_AND_SCORES,
    *MINORITIES,
)
