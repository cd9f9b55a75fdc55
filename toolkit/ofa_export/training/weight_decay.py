"""Which of the trained parameters weight decay draws to zero: decoupled, as in AdamW (Loshchilov and Hutter, 2019)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from ofa_export.model.blocks.adaptive_layers import AdaptiveLinear
from ofa_export.model.mapper import Generator


def decayed_groups(model: nn.Module, groups: Iterable[dict[str, Any]], decay: float) -> list[dict[str, Any]]:
    """Split parameter groups into what decays and what does not.

    Norms and biases, which have one dimension, are left alone as usual. So is what only generated parameters use: the
    bases of low-rank weights get no gradient before there are any, and would decay to nothing; the generators start at
    zero, the static net, by themselves (our choice).

    Args:
        model: what the parameters belong to.
        groups: Adam's parameter groups.
        decay: of each step, times the learning rate.

    Returns:
        The groups with a `weight_decay` each.
    """
    adapting = [layer.basis for layer in model.modules() if isinstance(layer, AdaptiveLinear)]
    adapting += [generator.out for generator in model.modules() if isinstance(generator, Generator)]
    spared = {id(parameter) for module in adapting for parameter in module.parameters()}
    split = []
    for group in groups:
        decays = [parameter.ndim > 1 and id(parameter) not in spared for parameter in group["params"]]
        for chosen, amount in ((True, decay), (False, 0.0)):
            members = [parameter for parameter, one in zip(group["params"], decays, strict=True) if one is chosen]
            if members:
                split.append({**group, "params": members, "weight_decay": amount})
    return split
