"""A depth cap compares margins with each other inside `adapt`: every runtime has to decide as PyTorch does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ofa_export.converters.registry import get_converter
from ofa_export.graphs.device import DeviceGraph, device_graphs
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.precision import FP32

pytestmark = pytest.mark.integration
DEPTH, CAP, T, D = 4, 2, 8, 16


def adapt_graph(*, margins_equal: bool) -> DeviceGraph:
    config = ModelConfig(
        items=40, width=D, depth=DEPTH, heads=2, history_length=T, rank=1, item_groups=2, depth_cap=CAP
    )
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        model = AdaptiveRecommender(config)
        head = model.controller.head_out
        if margins_equal:
            head.weight.zero_()
        else:
            head.weight.normal_(0, 2)
            # What all histories share would otherwise decide the order of the margins.
            model.controller.head_in.weight.normal_()
    return device_graphs(model, candidates=4)[0]


@pytest.mark.parametrize("converter", ["litert", "executorch"])
def test_the_capped_gates_are_those_of_pytorch(converter: str) -> None:
    graph = adapt_graph(margins_equal=False)
    runner = get_converter(converter).load(get_converter(converter).convert([graph], precision=FP32), [graph.spec])
    generator, open_gates, ordered = np.random.default_rng(0), [], set()
    for length in [1, 3, T] * 8:
        inputs = {
            "history": generator.normal(size=(1, T, D)).astype(np.float32),
            "length": np.array([length], np.int32),
        }
        found = runner.run("adapt", inputs)
        _, gates, keep_logits, *_ = graph.module(*(torch.from_numpy(value) for value in inputs.values()))
        np.testing.assert_array_equal(found["gates"], gates.numpy())
        open_gates.append(int((keep_logits[:, :, 1] > keep_logits[:, :, 0]).sum()))
        ordered.add(tuple(gates[0].tolist()))
        assert gates.sum() <= CAP
    # The cap took gates away, and not always the same.
    assert max(open_gates) > CAP
    assert len(ordered) > 2


@pytest.mark.parametrize("converter", ["litert", "executorch"])
def test_of_equal_margins_the_earlier_blocks_are_kept(converter: str) -> None:
    graph = adapt_graph(margins_equal=True)
    runner = get_converter(converter).load(get_converter(converter).convert([graph], precision=FP32), [graph.spec])
    history = np.random.default_rng(1).normal(size=(1, T, D)).astype(np.float32)
    found = runner.run("adapt", {"history": history, "length": np.array([T], np.int32)})
    assert found["gates"].tolist() == [[1, 1, 0, 0]]
