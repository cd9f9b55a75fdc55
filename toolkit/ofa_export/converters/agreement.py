"""Agreement of a converted file, and of the arrays given to it, with the tensor contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from ofa_export.contract import GraphSpec, TensorSpec
from ofa_export.errors import BundleError, ConfigError, RejectionCode


def check_agreement(found: Iterable[GraphSpec], contract: Sequence[GraphSpec], *, entry: str) -> None:
    """Refuse a file whose graphs are not those of the contract; the order of tensors is not compared.

    Args:
        found: what the file says it holds.
        contract: what it has to hold.
        entry: the bundle entry at fault.

    Raises:
        BundleError: a graph or tensor is missing, surplus, or has another shape or element type.
    """
    found_graphs = {graph.name: graph for graph in found}
    expected_graphs = {graph.name: graph for graph in contract}
    if found_graphs.keys() != expected_graphs.keys():
        raise BundleError(
            f"the file holds the graphs {_names(found_graphs)}, the contract asks for {_names(expected_graphs)}.",
            code=RejectionCode.GRAPHS,
            entry=entry,
        )
    for name, graph in expected_graphs.items():
        _check_tensors(found_graphs[name].inputs, graph.inputs, where=f"inputs of graph {name}", entry=entry)
        _check_tensors(found_graphs[name].outputs, graph.outputs, where=f"outputs of graph {name}", entry=entry)


def check_inputs(graph: GraphSpec, inputs: Mapping[str, NDArray[Any]]) -> None:
    """Refuse arrays that are not the inputs of a graph: runtimes would resize silently or read beyond the array.

    Args:
        graph: the contract of the graph.
        inputs: the arrays, by name.

    Raises:
        ConfigError: a name, shape or element type differs.
    """
    if len(inputs) != len(graph.inputs) or any(tensor.name not in inputs for tensor in graph.inputs):
        expected = _names(tensor.name for tensor in graph.inputs)
        raise ConfigError(f"Graph {graph.name} takes the inputs {expected}, but {_names(inputs)} were given.")
    for tensor in graph.inputs:
        array = inputs[tensor.name]
        if array.shape != tensor.shape or array.dtype != tensor.dtype:
            raise ConfigError(
                f"Input {tensor.name} of graph {graph.name} is {tensor.dtype} {list(tensor.shape)}, "
                f"but {array.dtype} {list(array.shape)} was given."
            )


def _check_tensors(found: Sequence[TensorSpec], expected: Sequence[TensorSpec], *, where: str, entry: str) -> None:
    found_names = [tensor.name for tensor in found]
    expected_names = [tensor.name for tensor in expected]
    if sorted(found_names) != sorted(expected_names):
        raise BundleError(
            f"the {where} are {_names(found_names)}, the contract asks for {_names(expected_names)}.",
            code=RejectionCode.GRAPHS,
            entry=entry,
        )
    by_name = {tensor.name: tensor for tensor in found}
    for tensor in expected:
        other = by_name[tensor.name]
        if other != tensor:
            raise BundleError(
                f"{tensor.name} of the {where} is {other.dtype} {list(other.shape)}, "
                f"the contract asks for {tensor.dtype} {list(tensor.shape)}.",
                code=RejectionCode.GRAPHS,
                entry=entry,
            )


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
