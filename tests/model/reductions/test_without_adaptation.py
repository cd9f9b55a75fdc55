from __future__ import annotations

import torch
from torch import Tensor

from ofa_export.graphs.device import device_graphs
from ofa_export.model.network import AdaptiveRecommender, lookup
from ofa_export.model.reductions.without_adaptation import without_adaptation


def test_it_is_the_static_net_and_spends_no_weights_on_adapting(model: AdaptiveRecommender, histories: Tensor) -> None:
    static, length = without_adaptation(model), (histories >= 0).sum(dim=1)
    valid = model.valid(length)
    x = model.embed(lookup(model.tables[0], histories), valid)
    expected = model.assemble(x, valid, model.static_adaptation(len(x)))
    found = static.adapt(x, valid)
    assert found.gates.eq(1).all()
    assert torch.allclose(static.assemble(x, valid, found), expected, atol=1e-6)
    adapt = device_graphs(static, candidates=4)[0].module
    assert sum(value.numel() for value in adapt.parameters()) == model.position.numel()


def test_its_graph_answers_as_the_contract_wants(model: AdaptiveRecommender) -> None:
    static = without_adaptation(model)
    graph = device_graphs(static, candidates=4)[0]
    T, d = model.config.history_length, model.config.width
    outputs = graph.module(torch.zeros(1, T, d), torch.tensor([3]))
    assert [tuple(value.shape) for value in outputs] == [spec.shape for spec in graph.spec.outputs]
