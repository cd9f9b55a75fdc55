from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ofa_export.contract import GraphSpec, TensorSpec
from ofa_export.graphs.device import DeviceGraph, device_graphs, sample_inputs
from ofa_export.graphs.layers import linear_paths
from ofa_export.graphs.taps import layer_outputs, tapped_graph
from ofa_export.model.checkpoint_reader import load_checkpoint


@pytest.fixture(scope="module")
def graphs(toy_checkpoint: Path) -> tuple[DeviceGraph, ...]:
    return device_graphs(load_checkpoint(toy_checkpoint).model, candidates=7)


def outputs_by_name(graph: DeviceGraph) -> dict[str, Tensor]:
    with torch.no_grad():
        return dict(
            zip((tensor.name for tensor in graph.spec.outputs), graph.module(*sample_inputs(graph.spec)), strict=True)
        )


def test_a_tapped_graph_gives_what_the_graph_gives_and_what_every_linear_layer_gives(
    graphs: tuple[DeviceGraph, ...],
) -> None:
    for graph in graphs:
        tapped = tapped_graph(graph)
        found, expected = outputs_by_name(tapped.graph), outputs_by_name(graph)
        assert list(found)[: len(expected)] == list(expected)
        assert all(torch.equal(found[name], value) for name, value in expected.items())
        paths = [layer.path for layer in tapped.layers]
        assert set(linear_paths(graph)) <= set(paths) and len(set(paths)) == len(paths)
        with torch.no_grad(), layer_outputs(graph.module) as computed:
            graph.module(*sample_inputs(graph.spec))
        for layer in tapped.layers:
            assert computed[layer.index][0] == layer.path
            assert layer.shape == computed[layer.index][1].shape[1:]
            assert torch.equal(found[layer.output].flatten(), computed[layer.index][1].flatten())


def test_shapes_are_those_of_the_tensors_and_no_tensor_is_put_out_twice(graphs: tuple[DeviceGraph, ...]) -> None:
    for graph in graphs:
        tapped = tapped_graph(graph)
        with torch.no_grad():
            outputs = tapped.graph.module(*sample_inputs(graph.spec))
        assert [tensor.shape for tensor in tapped.graph.spec.outputs] == [tuple(output.shape) for output in outputs]
        assert len({id(output) for output in outputs}) == len(outputs)


def test_layers_keep_their_names_and_parameters(graphs: tuple[DeviceGraph, ...]) -> None:
    for graph in graphs:
        tapped = tapped_graph(graph).graph
        assert linear_paths(tapped) == linear_paths(graph)
        assert [name for name, _ in tapped.module.named_parameters()] == [
            name for name, _ in graph.module.named_parameters()
        ]


def test_looking_leaves_no_trace(graphs: tuple[DeviceGraph, ...]) -> None:
    tapped_graph(graphs[0])
    assert not [part for part in graphs[0].module.modules() if part._forward_hooks]


class Twice(nn.Module):
    """Calls one layer two times, hands its result on, and has a layer that is off."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.off = nn.Dropout()

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.layer(torch.relu(self.off(self.layer(x)))),)


@pytest.fixture
def twice() -> DeviceGraph:
    spec = GraphSpec("twice", (TensorSpec("x", (1, 3)),), (TensorSpec("y", (1, 3)),))
    return DeviceGraph(spec, Twice().eval())


def test_a_layer_that_is_called_again_is_told_apart(twice: DeviceGraph) -> None:
    tapped = tapped_graph(twice)
    assert [(layer.path, layer.output) for layer in tapped.layers] == [("layer", "tap_0"), ("layer call 2", "y")]
    assert [tensor.name for tensor in tapped.graph.spec.outputs] == ["y", "tap_0"]


def test_layers_hand_on_what_they_are_told_to(twice: DeviceGraph) -> None:
    given, module = torch.tensor([[1.0, -2.0, 3.0]]), twice.module
    with torch.no_grad(), layer_outputs(module, instead={0: given}) as found:
        (y,) = module(torch.ones(1, 3))
    assert isinstance(module, Twice)
    assert torch.equal(found[0][1], module.layer(torch.ones(1, 3)))
    assert torch.equal(y, module.layer(torch.relu(given)))
