"""The quantised reference: PyTorch that rounds exactly as a runtime does with the file of a converter.

Planning measures with `fake_quantised`, which tells the cost of a precision whatever the release, and is a little off.
Here one file is held against what it has to compute.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ofa_export.converters.registry import runtime_of
from ofa_export.graphs.device import AdaptGraph, BlockGraph, DeviceGraph
from ofa_export.model.blocks.history_embedding import NormedEmbedding
from ofa_export.model.fake_quantised import SMALLEST_SCALE, QuantisedLinear, int8_activations
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.precision import ActivationRounding

MOVED_BIASES = {
    "controller.extractor.key": "controller.extractor.mix",
    "mapper.extractor.key": "mapper.extractor.mix",
    "mapper.query": "mapper.structure",
}
"""Layers that read another linear layer -> that layer. LiteRT's converters add the bias of the first only behind the
reader, which so rounds inputs without it."""

UNKNOWN_BLOCKS = "onnx2tf"
"""The converter that moves biases of LayerNorms in blocks, too, in every backbone others; how it stores RecBole's
positions was not measured."""


class RuntimeLinear(QuantisedLinear):
    """A quantised linear layer as one runtime computes it.

    Args:
        layer: has the rounded weights.
        activations: how the inputs are rounded.
        early: what is taken off the inputs before they are rounded, `[in]`.
        late: what is added to the outputs for it, `[out]`.
    """

    def __init__(self, layer: QuantisedLinear, activations: ActivationRounding, early: Tensor, late: Tensor) -> None:
        nn.Module.__init__(self)
        self.rounded = symmetric_int8_activations if activations == "symmetric" else int8_activations
        self.weight, self.early = layer.weight, nn.Buffer(early)
        self.bias = nn.Buffer(late if layer.bias is None else layer.bias + late)

    def forward(self, x: Float[Tensor, "*rows i"]) -> Float[Tensor, "*rows o"]:
        """Apply the layer, [..., in] -> [..., out]."""
        return F.linear(self.rounded(x - self.early), self.weight, self.bias)


def quantised_reference(
    rounded: AdaptiveRecommender, model: AdaptiveRecommender, *, converter: str, activations: ActivationRounding
) -> AdaptiveRecommender:
    """Make the network that a converted file is on a runtime.

    Args:
        rounded: `model` from `fake_quantised`; left as it is.
        model: the reference.
        converter: name of the converter that made the file.
        activations: how the runtime rounds.

    Returns:
        A network of its own, which shares the item tables.
    """
    made = copy.deepcopy(rounded, {id(rounded.tables): rounded.tables})
    moved = MOVED_BIASES if runtime_of(converter) == "litert" else {}
    for path, layer in list(made.named_modules()):
        if isinstance(layer, QuantisedLinear):
            made.set_submodule(path, RuntimeLinear(layer, activations, *_moved(model, path, moved.get(path))))
    return made


def known_rounding(graphs: Sequence[DeviceGraph], *, converter: str) -> tuple[DeviceGraph, ...]:
    """Choose the graphs whose rounding is known.

    Args:
        graphs: of the network from `quantised_reference`.
        converter: name of the converter that made the file.

    Returns:
        All of them but what `UNKNOWN_BLOCKS` makes of blocks and of RecBole's `adapt`, where anything is quantised.
    """

    def quantised(*modules: nn.Module) -> bool:
        return any(isinstance(part, QuantisedLinear) for module in modules for part in module.modules())

    if converter != UNKNOWN_BLOCKS or not quantised(*(graph.module for graph in graphs)):
        return tuple(graphs)

    def known(module: nn.Module) -> bool:
        if isinstance(module, BlockGraph):
            return not quantised(module)
        return not (isinstance(module, AdaptGraph) and isinstance(module.embedding, NormedEmbedding))

    return tuple(graph for graph in graphs if known(graph.module))


def _moved(model: AdaptiveRecommender, reader: str, read: str | None) -> tuple[Tensor, Tensor]:
    """Compute the bias that a layer's inputs lack, and the one that its outputs get instead."""
    layer = model.get_parameter(f"{reader}.weight").detach()
    bias = layer.new_zeros(layer.shape[1]) if read is None else model.get_parameter(f"{read}.bias").detach()
    return bias, layer @ bias


def symmetric_int8_activations(x: Float[Tensor, "*rows i"]) -> Float[Tensor, "*rows i"]:
    """Round to symmetric int8 with a scale for every row, -127 to 127, and back; halves go away from zero.

    TensorFlow Lite's own kernel does it so, which computed quantised layers before XNNPACK did.

    Args:
        x: [..., in].
    """
    largest = x.abs().amax(dim=-1, keepdim=True).clamp(min=SMALLEST_SCALE)
    codes = x * (127 / largest)
    return torch.copysign((codes.abs() + 0.5).floor(), codes).clamp(-127, 127) * (largest / 127)
