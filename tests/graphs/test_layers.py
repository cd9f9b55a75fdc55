from __future__ import annotations

from torch import nn

from ofa_export.graphs.device import device_graphs
from ofa_export.graphs.layers import linear_layers
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender

CONFIG = ModelConfig(items=40, width=16, depth=2, heads=2, history_length=8, rank=2, item_groups=2)


def test_layers_are_named_by_graph_and_path() -> None:
    layers = linear_layers(device_graphs(AdaptiveRecommender(CONFIG), candidates=5))
    assert {"adapt.mapper.generators.1.out", "block_0.block.linears.key.static", "adapt.controller.head_out"} <= set(
        layers
    )
    assert {name.partition(".")[0] for name in layers} == {"adapt", "block_0", "block_1"}


def test_no_linear_layer_of_the_network_is_left_out() -> None:
    model = AdaptiveRecommender(CONFIG)
    found = linear_layers(device_graphs(model, candidates=5)).values()
    assert {id(layer) for layer in found} == {id(part) for part in model.modules() if isinstance(part, nn.Linear)}
