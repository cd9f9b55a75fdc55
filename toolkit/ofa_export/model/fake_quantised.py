"""The reference as a device computes it: quantised weights and activations of linear layers, the rest float.

What a precision costs can then be measured on whole validation sets without converting anything.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ofa_export.contract import block_name
from ofa_export.model.blocks.history_embedding import NormedEmbedding
from ofa_export.model.exact import own_copy
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.precision import Precision, QuantisationRules, Scheme, check_layers

SMALLEST_SCALE = 1e-12
"""Keeps a row of zeros from being divided by zero."""


@runtime_checkable
class HasRules(Protocol):
    """A converter, as far as fake quantisation cares."""

    @property
    def rules(self) -> QuantisationRules:
        """Rules by which it stores and computes quantised layers."""
        ...


class QuantisedLinear(nn.Module):
    """A linear layer with quantised weights, whose inputs become int8 with a range for every row, as XNNPACK does it.

    Args:
        linear: the float layer.
        scheme: int8 or int4.
        rules: of the runtime.
    """

    def __init__(self, linear: nn.Linear, scheme: Scheme, rules: QuantisationRules) -> None:
        super().__init__()
        weight = linear.weight.detach()
        self.weight = nn.Buffer(int8_weights(weight, rules) if scheme == "int8" else int4_weights(weight, rules))
        self.bias = None if linear.bias is None else nn.Buffer(linear.bias.detach().clone())

    def forward(self, x: Float[Tensor, "*rows i"]) -> Float[Tensor, "*rows o"]:
        """Apply the layer, [..., in] -> [..., out]."""
        return F.linear(int8_activations(x), self.weight, self.bias)


def fake_quantised(model: AdaptiveRecommender, precision: Precision, *, converter: HasRules) -> AdaptiveRecommender:
    """Return the network that a device has: linear layers quantised and dequantised, in float32.

    RecBole's positions, a matrix of no linear layer, are rounded where the rules say so, with a scale per dimension.

    Args:
        model: the reference; left as it is.
        precision: a scheme for every linear layer.
        converter: whose rules apply.

    Returns:
        A network of its own, in evaluation mode, with the methods of the reference.

    Raises:
        ConfigError: the precision names a layer that the network does not have.
    """
    made = own_copy(model)
    layers = {path: module for path, module in made.named_modules() if isinstance(module, nn.Linear)}
    check_layers(precision, (device_layer(path) for path in layers))
    for path, linear in layers.items():
        scheme = converter.rules.applied(precision.scheme_of(device_layer(path)), in_features=linear.in_features)
        if scheme != "fp32":
            made.set_submodule(path, QuantisedLinear(linear, scheme, converter.rules))
    if isinstance(made.embedding, NormedEmbedding) and converter.rules.other_matrices and precision.base == "int8":
        position = made.get_parameter("position")
        position.copy_(int8_weights(position.T, converter.rules).T)
    return made


def device_layer(path: str) -> str:
    """Return the name that a layer of the network has in the device graphs.

    Args:
        path: of the layer in the network, for example `blocks.0.linears.key.static`.

    Returns:
        GRAPH.MODULE_PATH, for example `block_0.block.linears.key.static`.
    """
    part, _, rest = path.partition(".")
    if part == "blocks":
        index, _, inner = rest.partition(".")
        return f"{block_name(int(index))}.block.{inner}"
    return f"score.{path}" if part == "final_norm" else f"adapt.{path}"


def int8_weights(weight: Float[Tensor, "o i"], rules: QuantisationRules) -> Float[Tensor, "o i"]:
    """Symmetric int8 with a scale for every output, -127 to 127, dequantised.

    Args:
        weight: [out, in].
        rules: of the runtime.
    """
    scale = (weight.abs().amax(dim=1, keepdim=True) / 127).clamp(min=rules.int8_smallest_scale)
    return (weight / scale).round().clamp(-127, 127) * scale


def int4_weights(weight: Float[Tensor, "o i"], rules: QuantisationRules) -> Float[Tensor, "o i"]:
    """Symmetric int4, -8 to 7, with a scale for every output or every group of inputs, dequantised.

    Args:
        weight: [out, in].
        rules: of the runtime.
    """
    groups = weight.reshape(len(weight), -1, rules.int4_group or weight.shape[1])
    scale = (groups.abs().amax(dim=2, keepdim=True) / rules.int4_steps).clamp(min=SMALLEST_SCALE)
    # Not divided: the largest weight lies half way between two steps, and only torchao's arithmetic rounds it alike.
    codes = (groups * (1 / scale)).round().clamp(-8, 7)
    # XNNPACK keeps the scales of groups as bfloat16; the codes were found with the float32 ones.
    stored = scale if rules.int4_group is None else scale.bfloat16().float()
    return (codes * stored).flatten(1)


def int8_activations(x: Float[Tensor, "*rows i"]) -> Float[Tensor, "*rows i"]:
    """Asymmetric int8 with a range for every row, dequantised; zero stays zero.

    Args:
        x: [..., in].
    """
    low, high = x.amin(dim=-1, keepdim=True).clamp(max=0), x.amax(dim=-1, keepdim=True).clamp(min=0)
    scale = ((high - low) / 255).clamp(min=SMALLEST_SCALE)
    zero = (-128 - low / scale).round().clamp(-128, 127)
    # In place, and without clamp, which is slow for bounds that differ by row: half the time of the formula as usual,
    # an eighth of that of torch.fake_quantize_per_channel_affine.
    codes = (x / scale).round_()
    torch.minimum(codes, 127 - zero, out=codes)
    torch.maximum(codes, -128 - zero, out=codes)
    return codes.mul_(scale)
