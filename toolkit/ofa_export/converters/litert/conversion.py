"""Device graphs -> .tflite: litert_torch lowers all signatures into one file, litert-quantizer quantises them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ofa_export.contract import GraphSpec
from ofa_export.converters.litert.quantisation import quantise
from ofa_export.converters.litert.scopes import equal_layers, with_scopes
from ofa_export.converters.litert.tensor_names import shorten_tensor_names
from ofa_export.converters.quiet import converter_chatter_silenced
from ofa_export.errors import ConfigError, LoweringError
from ofa_export.graphs.device import DeviceGraph, sample_inputs
from ofa_export.graphs.layers import linear_layers
from ofa_export.precision import Precision, Scheme, check_layers

with converter_chatter_silenced():
    import litert_torch


def convert_to_litert(graphs: Sequence[DeviceGraph], *, precision: Precision) -> bytes:
    """Convert graphs to one .tflite file with a signature for each.

    Args:
        graphs: the graphs, in order.
        precision: of each layer; int8 and int4 weights have a scale per output, activations become int8 as they come.

    Returns:
        The file; its signatures carry the contract's names.

    Raises:
        ConfigError: the precision names a layer that no graph has, or two schemes for layers of equal weights.
        LoweringError: a tool refused a graph.
    """
    layers = linear_layers(graphs)
    check_layers(precision, layers)
    _check_equal_layers(precision, graphs)
    exceptions = {layer: precision.scheme_of(layer) for layer in layers if precision.scheme_of(layer) != precision.base}
    with converter_chatter_silenced(), torch.no_grad():
        model = _lower(graphs)
        plain = precision.base == "fp32" and not exceptions
        return shorten_tensor_names(model if plain else _quantise(model, graphs, precision.base, exceptions))


def _check_equal_layers(precision: Precision, graphs: Sequence[DeviceGraph]) -> None:
    """Refuse two schemes for layers that the converter makes one of."""
    for graph in graphs:
        for layers in equal_layers(graph).values():
            schemes = {precision.scheme_of(layer) for layer in layers}
            if len(schemes) > 1:
                raise ConfigError(
                    f"The layers {' and '.join(layers)} have equal weights, which are stored once in a file for "
                    f"LiteRT, and the precision asks for {' and '.join(sorted(schemes))}. Give them one scheme, or "
                    "train the model on."
                )


class Named(nn.Module):
    """A device graph by name: litert_torch names signature tensors after keyword arguments and dictionary keys."""

    def __init__(self, spec: GraphSpec, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.inputs = tuple(tensor.name for tensor in spec.inputs)
        self.outputs = tuple(tensor.name for tensor in spec.outputs)

    def forward(self, **tensors: Tensor) -> dict[str, Tensor]:
        """Return tensors by input name -> tensors by output name."""
        return dict(zip(self.outputs, self.module(*(tensors[name] for name in self.inputs)), strict=True))


def _lower(graphs: Sequence[DeviceGraph]) -> bytes:
    try:
        return _lower_together(graphs)
    except Exception as error:
        raise LoweringError(
            converter="litert", stage="lower", graph=_culprit(graphs), detail=f"{type(error).__name__}: {error}"
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


def _quantise(model: bytes, graphs: Sequence[DeviceGraph], base: Scheme, exceptions: Mapping[str, Scheme]) -> bytes:
    try:
        model, scopes = with_scopes(model, graphs) if exceptions else (model, {})
        missing = [layer for layer in exceptions if layer not in scopes]
        if missing:
            raise ValueError(f"no operation of the converted file computes {', '.join(missing)} alone")
    except Exception as error:
        raise LoweringError(
            converter="litert", stage="quantise", graph=None, detail=f"{type(error).__name__}: {error}"
        ) from error
    named = {scope: scheme for layer, scheme in exceptions.items() for scope in scopes[layer]}
    return quantise(model, base, named, converter="litert")
