"""Which operation of a .tflite file computes which linear layer, so that a quantisation recipe can address it.

ai-edge-quantizer matches the names of an operation's outputs. They do not name a layer: blocks share classes and hence
names, and fused operations are named after whatever was fused. The name of the weights does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from torch import nn

from ofa_export.backends.tensor_names import short_name
from ofa_export.graphs.device import DeviceGraph
from ofa_export.graphs.layers import linear_layers, linear_paths

WEIGHT = 1
"""Input of a FULLY_CONNECTED operation that holds its matrix."""


def with_scopes(model: bytes, graphs: Sequence[DeviceGraph]) -> tuple[bytes, Mapping[str, str]]:
    """Make the scope of every operation unique, and find the one of every linear layer.

    Args:
        model: a float .tflite file of litert_torch, its names not shortened.
        graphs: what it was made from.

    Returns:
        The same model, whose inner tensors have their graph's name at the end, where `shorten_tensor_names` drops it;
        and the scope of each layer that was found, by layer.

    Raises:
        ValueError: two layers would have the same scope.
    """
    content = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    layers = {
        _traced_name(graph, path): f"{graph.spec.name}.{path}" for graph in graphs for path in linear_paths(graph)
    }
    scopes: dict[str, str] = {}
    for graph in content.subgraphs:
        name = graph.name.decode()
        bound = {*graph.inputs, *graph.outputs}
        for index in set(range(len(graph.tensors))) - bound:
            graph.tensors[index].name += f";{name}".encode()
        for operator in graph.operators:
            layer = layers.get(_weight_name(content, graph, operator))
            if layer:
                scopes[layer] = f"{graph.tensors[operator.outputs[0]].name.decode()};"
    if len(set(scopes.values())) < len(scopes) or len(layers) < len(linear_layers(graphs)):
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


def _weight_name(content: Any, graph: Any, operator: Any) -> str:
    code = content.operatorCodes[operator.opcodeIndex].builtinCode
    if code != schema.BuiltinOperator.FULLY_CONNECTED:
        return ""
    weight = graph.tensors[operator.inputs[WEIGHT]]
    if content.buffers[weight.buffer].data is None:
        return ""
    return f"{graph.name.decode()}/{short_name(weight.name.decode())}"
