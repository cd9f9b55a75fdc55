from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor
from toy_model import random_model

from ofa_export.contract import device_contract
from ofa_export.graphs.device import DeviceGraph, device_graphs
from ofa_export.model.config import BackboneName, ModelConfig
from ofa_export.model.network import Adaptation, AdaptiveRecommender, lookup

CONFIG = ModelConfig(items=30, width=16, depth=3, heads=2, history_length=6, rank=2, item_groups=4)
C = 7
T = CONFIG.history_length


@pytest.fixture(scope="module")
def model() -> AdaptiveRecommender:
    return random_model(CONFIG, seed=4)


@pytest.fixture(scope="module")
def graphs(model: AdaptiveRecommender) -> dict[str, DeviceGraph]:
    return {graph.spec.name: graph for graph in device_graphs(model, candidates=C)}


def history_of(model: AdaptiveRecommender, length: int) -> tuple[Tensor, Tensor]:
    items = torch.randperm(CONFIG.items, generator=torch.Generator().manual_seed(length))[:length]
    rows = torch.full((1, T), -1)
    rows[0, T - length :] = items
    return lookup(model.tables[0], rows), torch.tensor([length], dtype=torch.int32)


def run_as_a_phone_does(
    graphs: dict[str, DeviceGraph], history: Tensor, length: Tensor, candidates: Tensor
) -> tuple[Tensor, Tensor]:
    hidden, gates, _, *thetas = graphs["adapt"].module(history, length)
    for block, theta in enumerate(thetas):
        if gates[0, block] == 1:
            (hidden,) = graphs[f"block_{block}"].module(hidden, length, theta)
    (scores,) = graphs["score"].module(hidden, candidates)
    return scores, gates


@pytest.mark.parametrize("length", range(1, T + 1))
def test_graphs_one_after_another_score_like_the_reference(
    model: AdaptiveRecommender, graphs: dict[str, DeviceGraph], length: int
) -> None:
    history, size = history_of(model, length)
    candidates = model.tables[0, 3 : 3 + C]
    scores, _ = run_as_a_phone_does(graphs, history, size, candidates[None])
    assert torch.allclose(scores, model(history, size, candidates), atol=1e-5)


@pytest.mark.parametrize("name", [name for name in get_args(BackboneName) if name != "transformer"])
def test_the_graphs_are_those_of_any_backbone(name: BackboneName) -> None:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(4)
        model = AdaptiveRecommender(CONFIG.model_copy(update={"backbone": name})).eval().requires_grad_(False)
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    graphs = {graph.spec.name: graph for graph in device_graphs(model, candidates=C)}
    for length in range(1, T + 1):
        history, size = history_of(model, length)
        candidates = model.tables[0, 3 : 3 + C]
        scores, _ = run_as_a_phone_does(graphs, history, size, candidates[None])
        assert torch.allclose(scores, model(history, size, candidates), atol=1e-5)


def test_these_histories_leave_out_different_blocks(model: AdaptiveRecommender, graphs: dict[str, DeviceGraph]) -> None:
    found = {tuple(graphs["adapt"].module(*history_of(model, length))[1][0].tolist()) for length in range(1, T + 1)}
    assert len(found) > 1


def test_adapt_says_what_the_reference_decides(model: AdaptiveRecommender, graphs: dict[str, DeviceGraph]) -> None:
    history, size = history_of(model, 4)
    hidden, gates, keep_logits, *thetas = graphs["adapt"].module(history, size)
    valid = model.valid(size)
    expected: Adaptation = model.adapt(model.embed(history, valid), valid)
    assert torch.allclose(hidden, model.embed(history, valid), atol=1e-6)
    assert torch.equal(gates, expected.gates)
    assert torch.allclose(keep_logits, expected.keep_logits, atol=1e-5)
    for theta, other in zip(thetas, expected.thetas, strict=True):
        assert torch.allclose(theta, other, atol=1e-5)


def test_what_lies_in_the_padding_changes_no_output(model: AdaptiveRecommender, graphs: dict[str, DeviceGraph]) -> None:
    history, size = history_of(model, 2)
    dirty = history.clone()
    dirty[:, : T - 2] = 50.0
    for found, other in zip(graphs["adapt"].module(history, size), graphs["adapt"].module(dirty, size), strict=True):
        assert torch.equal(found, other)
    hidden, *_, theta = graphs["adapt"].module(history, size)
    dirty_hidden = hidden.clone()
    dirty_hidden[:, : T - 2] = 50.0
    (expected,), (found,) = (graphs["block_2"].module(state, size, theta) for state in (hidden, dirty_hidden))
    assert torch.equal(expected, found)


def test_specs_are_those_of_the_contract(model: AdaptiveRecommender, graphs: dict[str, DeviceGraph]) -> None:
    assert list(graphs) == ["adapt", "block_0", "block_1", "block_2", "score"]
    shapes = CONFIG.shapes(theta_size=model.theta_size, candidates=C)
    assert tuple(graph.spec for graph in graphs.values()) == device_contract(shapes)


@pytest.mark.parametrize("name", ["adapt", "block_0", "block_1", "block_2", "score"])
def test_modules_take_and_return_what_their_spec_says(graphs: dict[str, DeviceGraph], name: str) -> None:
    graph = graphs[name]
    inputs = [torch.ones(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in graph.spec.inputs]
    outputs = graph.module(*inputs)
    assert isinstance(outputs, tuple)
    assert [(tuple(output.shape), str(output.dtype)) for output in outputs] == [
        (spec.shape, f"torch.{spec.dtype}") for spec in graph.spec.outputs
    ]


def test_outputs_come_in_the_order_of_the_spec(model: AdaptiveRecommender, graphs: dict[str, DeviceGraph]) -> None:
    history, size = history_of(model, T)
    outputs = graphs["adapt"].module(history, size)
    found = dict(zip([spec.name for spec in graphs["adapt"].spec.outputs], outputs, strict=True))
    expected = model.adapt(model.embed(history, model.valid(size)), model.valid(size))
    assert torch.equal(found["gates"], (found["keep_logits"][:, :, 1] > found["keep_logits"][:, :, 0]).float())
    for block in range(CONFIG.depth):
        assert torch.allclose(found[f"theta_{block}"], expected.thetas[block], atol=1e-5)


@pytest.mark.parametrize("name", ["adapt", "block_0", "block_1", "block_2", "score"])
def test_a_graph_holds_the_parameters_it_reads_and_no_others(
    model: AdaptiveRecommender, graphs: dict[str, DeviceGraph], name: str
) -> None:
    graph = graphs[name]
    held = dict(graph.module.named_parameters())
    assert not list(graph.module.buffers())
    history, size = history_of(model, T)
    given = {
        "history": history,
        "length": size,
        "hidden": torch.randn(1, T, 16),
        "candidates": torch.randn(1, C, 16),
        **{f"theta_{block}": 0.1 * torch.randn(1, model.theta_size) for block in range(CONFIG.depth)},
    }
    try:
        graph.module.requires_grad_(True)
        outputs = graph.module(*[given[spec.name] for spec in graph.spec.inputs])
        loss = sum((output * torch.randn_like(output)).sum() for output in outputs if output.requires_grad)
        gradients = torch.autograd.grad(loss, list(held.values()), allow_unused=True)
    finally:
        graph.module.requires_grad_(False)
    assert [key for key, gradient in zip(held, gradients, strict=True) if gradient is None] == []


def test_no_graph_holds_the_item_table_and_together_they_hold_everything_else(
    model: AdaptiveRecommender, graphs: dict[str, DeviceGraph]
) -> None:
    held = {id(parameter) for graph in graphs.values() for parameter in graph.module.parameters()}
    assert id(model.tables) not in held
    assert held == {id(parameter) for name, parameter in model.named_parameters() if name != "tables"}
