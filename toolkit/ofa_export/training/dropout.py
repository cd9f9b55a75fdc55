"""Dropout of a stage: the network is built once, and stages differ in it."""

from __future__ import annotations

from torch import nn

from ofa_export.model.mapper import StructureGuidedMapper


def set_dropout(model: nn.Module, share: float, *, mapper_share: float = 0.0) -> None:
    """Set the share of dropped activations everywhere in a model.

    Args:
        model: changed in place.
        share: of activations in the backbone.
        mapper_share: of the mapper's z.
    """
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = share
    for module in model.modules():
        if isinstance(module, StructureGuidedMapper):
            module.dropout.p = mapper_share
