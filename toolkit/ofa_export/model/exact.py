"""The reference in float64, for decisions that must not depend on the processor.

What float32 rounds away differs from processor to processor in the seventh digit, and with it the rank of an item, a
gate or a rounded activation once in some million. In float64 it differs in the fifteenth: a decision differs when it
lies that near to its border.
"""

from __future__ import annotations

import copy

from torch import nn

from ofa_export.model.network import AdaptiveRecommender


def own_copy(model: AdaptiveRecommender) -> AdaptiveRecommender:
    """Copy a network, in evaluation mode and without gradients; its item tables are shared.

    The tables, which may be larger than everything else, are not what a copy is made for.

    Args:
        model: left as it is.
    """
    tables = nn.Parameter(model.tables.detach(), requires_grad=False)
    return copy.deepcopy(model, {id(model.tables): tables}).eval().requires_grad_(False)


def in_float64(model: AdaptiveRecommender) -> AdaptiveRecommender:
    """Copy a network with float64 weights; its item tables, of which it is given embeddings, stay float32.

    Args:
        model: left as it is.
    """
    made = own_copy(model)
    for part in made.children():
        part.double()
    if made.position is not None:
        made.position = nn.Parameter(made.position.double(), requires_grad=False)
    return made
