"""Map from linear layers to operations of a .tflite file, by which a quantisation recipe addresses them.

litert-quantizer matches the names of an operation's outputs. They do not name a layer: blocks share classes and hence
names, and fused operations are named after whatever was fused. Weights tell whose they are: by their values, or by
their name where a converter changed the values. A layer may become two operations, one of them with the ReLU behind it.

Layers of a graph whose weights are equal, such as generators that were never trained, are one constant for the
converter, and one operation where their inputs are equal, too. They are not told apart: each gets all the operations of
these weights, which is right as long as they have one scheme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from torch import nn

from ofa_export.converters.litert.tensor_names import short_name
from ofa_export.graphs.device import DeviceGraph
from ofa_export.graphs.layers import linear_paths

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
    names = {
        _traced_name(graph, path): (f"{graph.spec.name}.{path}",) for graph in graphs for path in linear_paths(graph)
    }
    by_values = {graph.spec.name: equal_layers(graph) for graph in graphs}
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
            values = bytes(content.buffers[weight.buffer].data)
            named = names.get(f"{name}/{short_name(weight.name.decode())}", ())
            for layer in by_values[name].get(values, named):
                scopes.setdefault(layer, []).append(f"{graph.tensors[operator.outputs[0]].name.decode()};")
    owners = {frozenset(each) for groups in by_values.values() for each in groups.values()}
    for scope in {scope for each in scopes.values() for scope in each}:
        users = frozenset(layer for layer, each in scopes.items() if scope in each)
        if len(users) > 1 and users not in owners:
            raise ValueError(f"{', '.join(sorted(users))} have the same name in the converted file")
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


def equal_layers(graph: DeviceGraph) -> Mapping[bytes, Sequence[str]]:
    """List the linear layers of a graph by the bytes of their weights: several where these are equal.

    Args:
        graph: one of `device_graphs`.
    """
    found: dict[bytes, list[str]] = {}
    for path, layer in linear_paths(graph).items():
        found.setdefault(layer.weight.detach().numpy().tobytes(), []).append(f"{graph.spec.name}.{path}")
    return found


def _weight(content: Any, graph: Any, operator: Any) -> Any:
    code = content.operatorCodes[operator.opcodeIndex].builtinCode
    if code != schema.BuiltinOperator.FULLY_CONNECTED:
        return None
    weight = graph.tensors[operator.inputs[WEIGHT]]
    return None if content.buffers[weight.buffer].data is None else weight
