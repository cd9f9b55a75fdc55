from __future__ import annotations

import torch

from ofa_export.model.blocks.adaptive_layers import AdaptiveLayerNorm, AdaptiveLinear


def test_a_generated_difference_is_a_low_rank_change_of_the_weight() -> None:
    torch.manual_seed(0)
    layer = AdaptiveLinear(6, 4, 2)
    x, up, bias = torch.randn(3, 5, 6), torch.randn(3, 4, 2), torch.randn(3, 4)
    found = layer(x, up, bias)
    for user in range(3):
        weight = layer.static.weight + up[user] @ layer.basis.weight
        assert torch.allclose(found[user], x[user] @ weight.T + layer.static.bias + bias[user], atol=1e-5)


def test_no_difference_is_the_static_layer() -> None:
    torch.manual_seed(0)
    layer, x = AdaptiveLinear(6, 4, 2), torch.randn(1, 5, 6)
    assert torch.equal(layer(x, torch.zeros(1, 4, 2), torch.zeros(1, 4)), layer.static(x))


def test_a_generated_gain_is_added_to_the_static_one() -> None:
    torch.manual_seed(0)
    norm, x, gain = AdaptiveLayerNorm(6), torch.randn(3, 5, 6), torch.randn(3, 6)
    with torch.no_grad():
        norm.gain.uniform_(0.5, 2)
        norm.bias.normal_()
    centred = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    expected = centred * (norm.gain + gain[:, None]) + norm.bias
    assert torch.allclose(norm(x, gain), expected, atol=1e-5)
