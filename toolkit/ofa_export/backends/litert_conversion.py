"""Device graphs -> .tflite: litert_torch lowers all signatures into one file, ai-edge-quantizer makes it int8."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ofa_export.backends.chatter import converter_chatter_silenced
from ofa_export.backends.litert_quantisation import quantise_int8
from ofa_export.backends.sample_inputs import sample_inputs
from ofa_export.backends.tensor_names import shorten_tensor_names
from ofa_export.contract import GraphSpec
from ofa_export.errors import LoweringError
from ofa_export.graphs.device import DeviceGraph

with converter_chatter_silenced():
    import litert_torch


def convert_to_litert(graphs: Sequence[DeviceGraph], *, precision: str) -> bytes:
    """Convert graphs to one .tflite file with a signature for each.

    Args:
        graphs: the graphs, in order.
        precision: "fp32", or "int8" for channelwise int8 weights with activations quantised as they come.

    Returns:
        The file; its signatures carry the contract's names.

    Raises:
        LoweringError: a tool refused a graph.
    """
    with converter_chatter_silenced(), torch.no_grad():
        model = _lower(graphs)
        return shorten_tensor_names(model if precision == "fp32" else quantise_int8(model, backend="litert"))


class Named(nn.Module):
    """A device graph by name: litert_torch names signature tensors after keyword arguments and dictionary keys."""

    def __init__(self, spec: GraphSpec, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.inputs = tuple(tensor.name for tensor in spec.inputs)
        self.outputs = tuple(tensor.name for tensor in spec.outputs)

    def forward(self, **tensors: Tensor) -> dict[str, Tensor]:
        """Tensors by input name -> tensors by output name."""
        return dict(zip(self.outputs, self.module(*(tensors[name] for name in self.inputs)), strict=True))


def _lower(graphs: Sequence[DeviceGraph]) -> bytes:
    try:
        return _lower_together(graphs)
    except Exception as error:
        raise LoweringError(
            backend="litert", stage="lower", graph=_culprit(graphs), detail=f"{type(error).__name__}: {error}"
        ) from error


def _lower_together(graphs: Sequence[DeviceGraph]) -> bytes:
    converter = litert_torch.Converter()
    for graph in graphs:
        inputs = {
            tensor.name: sample for tensor, sample in zip(graph.spec.inputs, sample_inputs(graph.spec), strict=True)
        }
        converter.add_signature(graph.spec.name, Named(graph.spec, graph.module).eval(), sample_kwargs=inputs)
    return bytes(converter.convert().model_content())


def _culprit(graphs: Sequence[DeviceGraph]) -> str | None:
    # The converter takes all graphs in one call and does not say which one it refused; only a failure pays for this.
    for graph in graphs:
        try:
            _lower_together([graph])
        except Exception:
            return graph.spec.name
    return None
