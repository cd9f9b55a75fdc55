"""PyTorch that rounds weights and activations as a runtime does: the host's, or an older release on the phone."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ofa_export.model.fake_quantised import SMALLEST_SCALE, QuantisedLinear
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.quantisation_rules import ActivationRounding


class SymmetricallyQuantisedLinear(QuantisedLinear):
    """A quantised linear layer whose inputs become int8 without a zero point, as TensorFlow Lite's own kernel does it.

    Args:
        layer: has the weights.
    """

    def __init__(self, layer: QuantisedLinear) -> None:
        nn.Module.__init__(self)
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, x: Float[Tensor, "*rows i"]) -> Float[Tensor, "*rows o"]:
        """Apply the layer, [..., in] -> [..., out]."""
        return F.linear(symmetric_int8_activations(x), self.weight, self.bias)


def with_activations(model: AdaptiveRecommender, activations: ActivationRounding) -> AdaptiveRecommender:
    """A fake-quantised network with another way to round activations.

    Args:
        model: from `fake_quantised`, which rounds with a range for every row; left as it is.
        activations: how the runtime rounds.

    Returns:
        A network of its own, or the same one where nothing changes.
    """
    if activations == "range":
        return model
    tables = {id(model.tables): model.tables}
    made = copy.deepcopy(model, tables)
    for path, layer in list(made.named_modules()):
        if isinstance(layer, QuantisedLinear):
            made.set_submodule(path, SymmetricallyQuantisedLinear(layer))
    return made


def symmetric_int8_activations(x: Float[Tensor, "*rows i"]) -> Float[Tensor, "*rows i"]:
    """Symmetric int8 with a scale for every row, -127 to 127, dequantised; halves are rounded away from zero.

    Args:
        x: [..., in].
    """
    largest = x.abs().amax(dim=-1, keepdim=True).clamp(min=SMALLEST_SCALE)
    codes = x * (127 / largest)
    return torch.copysign((codes.abs() + 0.5).floor(), codes).clamp(-127, 127) * (largest / 127)
