"""What stands beside the bundles is the checkpoint's own static net, not something slower or wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ofa_export.benchmark.static_net import StaticNet, static_graph
from ofa_export.model.blocks.adaptive_layers import AdaptiveLinear
from ofa_export.model.blocks.backbones import BACKBONES
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.ranking.scoring import score_histories, static_adapt

T, V = 6, 30


def model(backbone: str) -> AdaptiveRecommender:
    config = ModelConfig(
        items=V, width=16, depth=2, heads=2, history_length=T, rank=2, item_groups=3, backbone=backbone
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return AdaptiveRecommender(config).eval().requires_grad_(False)


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
@pytest.mark.parametrize("length", [1, 3, T])
def test_it_scores_as_the_reference_without_adaptation(backbone: str, length: int) -> None:
    reference = model(backbone)
    history = np.random.default_rng(length).permutation(V)[:length]
    padded = np.full((1, T), -1, np.int32)
    padded[0, -length:] = history
    expected, _ = score_histories(reference, static_adapt(reference), reference.tables[0], padded)
    rows = torch.from_numpy(np.maximum(padded, 0).astype(np.int32))
    with torch.no_grad():
        found = StaticNet(reference, reference.tables[0])(rows, torch.tensor([length], dtype=torch.int32))[0]
    assert np.allclose(found.numpy(), expected, atol=1e-5)


def test_nothing_that_adapts_is_left_in_it() -> None:
    graph = static_graph(model("transformer"), model("transformer").tables[0])
    assert not any(isinstance(module, AdaptiveLinear) for module in graph.module.modules())
    assert not any("basis" in name or "mapper" in name for name, _ in graph.module.named_parameters())
    assert graph.spec.outputs[0].shape == (1, V)
