"""Tapped device graphs: the result of each of their layers becomes another output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ofa_export.contract import TensorSpec
from ofa_export.graphs.device import DeviceGraph, sample_inputs

PASSING = (nn.Dropout, nn.Identity)
"""Modules that compute nothing at inference."""


@dataclass(frozen=True)
class Layer:
    """One call of one module of a graph.

    Args:
        path: MODULE_PATH; with the number of the call behind it where a module is called again.
        index: its place among all layers, in the order in which they finish.
        output: name of the output of the tapped graph that holds what it gives.
        shape: of what it gives to one history, without the batch.
    """

    path: str
    index: int
    output: str
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class TappedGraph:
    """A device graph with more outputs.

    Args:
        graph: has the outputs of the contract first, in their order, then the taps.
        layers: in the order in which they finish.
    """

    graph: DeviceGraph
    layers: tuple[Layer, ...]


class TappedModule(nn.Module):
    """A graph's module under the same names, so that all that goes by the names of layers does the same to it.

    Args:
        module: of the graph; its parameters are shared, not copied.
        taps: which layers' outputs to add, counted in the order in which they finish.
    """

    def __init__(self, module: nn.Module, taps: tuple[int, ...]) -> None:
        super().__init__()
        vars(self).update(
            {name: dict(value) if isinstance(value, dict) else value for name, value in vars(module).items()}
        )
        self.graph_class = type(module)
        self.taps = taps

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the graph's inputs -> its outputs, then those of the tapped layers, each flat: [1, values]."""
        with layer_outputs(self) as found:
            outputs = self.graph_class.forward(self, *inputs)
        # Flat, because LiteRT's converter makes a second operation of a layer whose result is wanted in two shapes.
        return (*outputs, *(found[index][1].flatten(1) for index in self.taps))


def tapped_graph(graph: DeviceGraph) -> TappedGraph:
    """Make what every module of a graph gives an output; modules that give no single float tensor are left out.

    Args:
        graph: left as it is.
    """
    with torch.no_grad(), layer_outputs(graph.module) as found:
        outputs = graph.module(*sample_inputs(graph.spec))
    # By identity: a module may hand on what one inside it gave, and the same tensor is not put out twice.
    names = {id(output): tensor.name for tensor, output in zip(graph.spec.outputs, outputs, strict=True)}
    layers, taps, specs, calls = dict[int, Layer](), list[int](), list[TensorSpec](), dict[str, int]()
    for index, (path, output) in enumerate(found):
        # What is not of one history is the same for all of them; the module that gave a tensor first has its name.
        if output.shape[:1] != (1,) or id(output) in layers:
            continue
        if id(output) not in names:
            names[id(output)] = f"tap_{len(taps)}"
            taps.append(index)
            specs.append(TensorSpec(names[id(output)], (1, output.numel())))
        calls[path] = calls.get(path, 0) + 1
        name = path if calls[path] == 1 else f"{path} call {calls[path]}"
        layers[id(output)] = Layer(name, index, names[id(output)], tuple(output.shape[1:]))
    spec = replace(graph.spec, outputs=(*graph.spec.outputs, *specs))
    module = TappedModule(graph.module, tuple(taps)).eval()
    return TappedGraph(graph=DeviceGraph(spec, module), layers=tuple(layers.values()))


@contextmanager
def layer_outputs(
    module: nn.Module, *, instead: Mapping[int, Tensor] | None = None
) -> Iterator[list[tuple[str, Tensor]]]:
    """Collect what every layer gives while a module runs.

    Args:
        module: of a graph; the layers are those of `TappedGraph`, in the same order.
        instead: what layers hand on in place of what they computed, by their place in the order of finishing.

    Yields:
        (MODULE_PATH, what the layer computed), filled as the module runs.
    """
    found: list[tuple[str, Tensor]] = []

    def collect(path: str, output: object) -> Tensor | None:
        if not isinstance(output, Tensor) or not output.is_floating_point():
            return None
        found.append((path, output))
        return None if instead is None else instead.get(len(found) - 1)

    handles = [
        part.register_forward_hook(lambda _, __, output, path=path: collect(path, output))
        for path, part in module.named_modules()
        if path and not isinstance(part, PASSING)
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
