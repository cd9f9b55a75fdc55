"""The linear layers of device graphs by name, for each of which a precision is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ofa_export.graphs.device import DeviceGraph


def linear_paths(graph: DeviceGraph) -> dict[str, nn.Linear]:
    """Return every linear layer of one graph.

    Args:
        graph: one of `device_graphs`.

    Returns:
        MODULE_PATH -> layer, for example `mapper.generators.0.out`.
    """
    return {path: module for path, module in graph.module.named_modules() if isinstance(module, nn.Linear)}


def linear_layers(graphs: Sequence[DeviceGraph]) -> dict[str, nn.Linear]:
    """Return every linear layer, in the order of the graphs.

    Args:
        graphs: as `device_graphs` gives them.

    Returns:
        GRAPH.MODULE_PATH -> layer, for example `adapt.mapper.generators.0.out`.
    """
    return {f"{graph.spec.name}.{path}": layer for graph in graphs for path, layer in linear_paths(graph).items()}
