"""Map from linear layers to operations of a .tflite file, by which a quantisation recipe addresses them.

litert-quantizer matches the names of an operation's outputs. They do not name a layer: blocks share classes and hence
names, and fused operations are named after whatever was fused. The name of the weights does, but for some layers whose
result is an output of the graph too: those weights lose their name, and only their values tell whose they are. Such a
layer may also become two operations, one of them with the ReLU behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from torch import nn

from ofa_export.converters.litert.tensor_names import short_name
from ofa_export.graphs.device import DeviceGraph
from ofa_export.graphs.layers import linear_layers, linear_paths

WEIGHT = 1
"""Input of a FULLY_CONNECTED operation that holds its matrix."""


def with_scopes(model: bytes, graphs: Sequence[DeviceGraph]) -> tuple[bytes, Mapping[str, Sequence[str]]]:
    """Make the scope of every operation unique, and find those of every linear layer.

    Args:
        model: a float .tflite file of litert_torch, its names not shortened.
        graphs: what it was made from.

    Returns:
        The same model, whose inner tensors have their graph's name at the end, where `shorten_tensor_names` drops it;
        and the scopes of each layer that was found, by layer.

    Raises:
        ValueError: two layers would have the same scope.
    """
    content = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    layers = {
        _traced_name(graph, path): f"{graph.spec.name}.{path}" for graph in graphs for path in linear_paths(graph)
    }
    by_values = {graph.spec.name: _by_values(graph) for graph in graphs}
    scopes: dict[str, list[str]] = {}
    for graph in content.subgraphs:
        name = graph.name.decode()
        bound = {*graph.inputs, *graph.outputs}
        for index in set(range(len(graph.tensors))) - bound:
            graph.tensors[index].name += f";{name}".encode()
        for operator in graph.operators:
            weight = _weight(content, graph, operator)
            if weight is None:
                continue
            layer = layers.get(f"{name}/{short_name(weight.name.decode())}") or by_values[name].get(
                bytes(content.buffers[weight.buffer].data)
            )
            if layer:
                scopes.setdefault(layer, []).append(f"{graph.tensors[operator.outputs[0]].name.decode()};")
    found = [scope for each in scopes.values() for scope in each]
    if len(set(found)) < len(found) or len(layers) < len(linear_layers(graphs)):
        raise ValueError("two linear layers have the same name in the converted file")
    return bytes(flatbuffer_utils.convert_object_to_bytearray(content)), scopes


def _traced_name(graph: DeviceGraph, path: str) -> str:
    # Containers are not called, so no trace names them.
    steps = path.split(".")
    parents = [".".join(steps[: count + 1]) for count in range(len(steps))]
    called = [
        step
        for step, parent in zip(steps, parents, strict=True)
        if not isinstance(graph.module.get_submodule(parent), nn.ModuleList | nn.ModuleDict)
    ]
    return "/".join([graph.spec.name, *called])


def _by_values(graph: DeviceGraph) -> dict[bytes, str]:
    """Layer by the bytes of its weights; several with the same weights are left out."""
    found: dict[bytes, list[str]] = {}
    for path, layer in linear_paths(graph).items():
        found.setdefault(layer.weight.detach().numpy().tobytes(), []).append(f"{graph.spec.name}.{path}")
    return {values: layers[0] for values, layers in found.items() if len(layers) == 1}


def _weight(content: Any, graph: Any, operator: Any) -> Any:
    code = content.operatorCodes[operator.opcodeIndex].builtinCode
    if code != schema.BuiltinOperator.FULLY_CONNECTED:
        return None
    weight = graph.tensors[operator.inputs[WEIGHT]]
    return None if content.buffers[weight.buffer].data is None else weight
