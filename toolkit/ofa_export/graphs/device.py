"""The graphs of the tensor contract, cut from the reference: `adapt`, `block_l`, `score`.

Each graph holds only the parameters it reads: what is in a graph is what its file on the phone is made of.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ofa_export.contract import GraphSpec, device_contract
from ofa_export.model.blocks.history_embedding import with_padding
from ofa_export.model.blocks.masks import valid_positions
from ofa_export.model.network import AdaptiveRecommender


class AdaptGraph(nn.Module):
    """`adapt`: a history to the first hidden state, gates, logits and every block's parameters."""

    def __init__(self, model: AdaptiveRecommender) -> None:
        super().__init__()
        self.embedding = model.embedding
        self.position = model.position
        self.padding = model.padding
        self.controller = model.controller
        self.mapper = model.mapper

    def forward(self, history: Tensor, length: Tensor) -> tuple[Tensor, ...]:
        """[1, T, d], [1] -> hidden [1, T, d], gates [1, L], keep_logits [1, L, 2], theta_0 … theta_{L-1} [1, P]."""
        valid = valid_positions(length, history.shape[1])
        hidden = with_padding(self.embedding(history, self.position, valid), valid, self.padding)
        keep_logits = self.controller(hidden, valid)
        return hidden, self.controller.decide(keep_logits), keep_logits, *self.mapper(hidden, valid, keep_logits)


class BlockGraph(nn.Module):
    """`block_l`: one backbone block with the parameters that `adapt` generated for it."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, hidden: Tensor, length: Tensor, theta: Tensor) -> tuple[Tensor]:
        """[1, T, d], [1], [1, P] -> hidden [1, T, d]."""
        return (self.block(hidden, valid_positions(length, hidden.shape[1]), theta),)


class ScoreGraph(nn.Module):
    """`score`: the last state against candidates."""

    def __init__(self, model: AdaptiveRecommender) -> None:
        super().__init__()
        self.final_norm = model.final_norm

    def forward(self, hidden: Tensor, candidates: Tensor) -> tuple[Tensor]:
        """[1, T, d], [1, C, d] -> scores [1, C]."""
        state = self.final_norm(hidden[:, -1])
        return ((candidates * state[:, None, :]).sum(dim=-1),)


@dataclass(frozen=True)
class DeviceGraph:
    """A graph of the contract and the module that computes it.

    Args:
        spec: name, inputs and outputs, in binding order.
        module: takes the inputs in the order of `spec.inputs`, returns a tuple in the order of `spec.outputs`.
    """

    spec: GraphSpec
    module: nn.Module


def device_graphs(model: AdaptiveRecommender, *, candidates: int) -> tuple[DeviceGraph, ...]:
    """Return all graphs of a model, in the order of the contract.

    Args:
        model: the reference; its parameters are shared, not copied.
        candidates: C, items that one call of `score` ranks.

    Returns:
        `adapt`, `block_0` … `block_{L-1}`, `score`, in evaluation mode.
    """
    specs = device_contract(model.config.shapes(theta_size=model.theta_size, candidates=candidates))
    modules = [AdaptGraph(model), *(BlockGraph(block) for block in model.blocks), ScoreGraph(model)]
    return tuple(DeviceGraph(spec, module.eval()) for spec, module in zip(specs, modules, strict=True))


def sample_inputs(graph: GraphSpec) -> tuple[Tensor, ...]:
    """Return tensors of ones in the contract's shapes and element types, in binding order: a history of one item.

    Args:
        graph: the graph to trace.
    """
    return tuple(torch.ones(tensor.shape, dtype=getattr(torch, tensor.dtype)) for tensor in graph.inputs)
