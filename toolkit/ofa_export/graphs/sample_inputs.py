"""Inputs with which converters trace a graph."""

from __future__ import annotations

import torch
from torch import Tensor

from ofa_export.contract import GraphSpec


def sample_inputs(graph: GraphSpec) -> tuple[Tensor, ...]:
    """Tensors of ones in the contract's shapes and element types, in binding order: a history of one item.

    Args:
        graph: the graph to trace.
    """
    return tuple(torch.ones(tensor.shape, dtype=getattr(torch, tensor.dtype)) for tensor in graph.inputs)
