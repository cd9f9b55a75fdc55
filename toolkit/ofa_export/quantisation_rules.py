"""Rules by which a runtime stores and computes quantised layers, for fake quantisation to follow (no torch here)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ofa_export.precision import Scheme

ActivationRounding = Literal["range", "symmetric"]
"""How int8 activations are rounded: from the smallest to the largest of a row, or as far below zero as above."""


@dataclass(frozen=True, kw_only=True)
class QuantisationRules:
    """What differs between runtimes; int8 weights have a scale per output and activations a range per row in all.

    Args:
        int8_smallest_scale: of int8 weights; outputs with smaller weights than 127 of it lose bits.
        int4_group: inputs that share a scale of int4 weights, which is then bfloat16 on the device; None for one
            float32 scale per output.
        int4_steps: the largest weight of a group in steps of its scale.
    """

    int8_smallest_scale: float
    int4_group: int | None
    int4_steps: float

    def applied(self, scheme: Scheme, *, in_features: int) -> Scheme:
        """Choose the scheme that a layer gets: int8 in place of int4 where its inputs do not divide into groups.

        Args:
            scheme: the one asked for.
            in_features: inputs of the layer.
        """
        divides = self.int4_group is None or in_features % self.int4_group == 0
        return scheme if scheme != "int4" or divides else "int8"


CHANNELWISE = QuantisationRules(int8_smallest_scale=1e-9 / 127, int4_group=None, int4_steps=7.0)
"""LiteRT: litert-quantizer's `dynamic_wi8` and `dynamic_wi4`, computed by XNNPACK."""

GROUPWISE = QuantisationRules(int8_smallest_scale=2**-12, int4_group=32, int4_steps=7.5)
"""ExecuTorch: PT2E int8 and torchao int4, computed by XNNPACK."""
