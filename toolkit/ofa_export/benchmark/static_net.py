"""The static net that people ship without us: full item table inside the graph, item rows in, scores out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ofa_export.benchmark.static_entry import StaticContender
from ofa_export.contract import GraphSpec, TensorSpec
from ofa_export.graphs.device import DeviceGraph
from ofa_export.model.blocks.adaptive_block import AdaptiveBlock
from ofa_export.model.blocks.adaptive_layers import AdaptiveLayerNorm, AdaptiveLinear
from ofa_export.model.blocks.history_embedding import with_padding
from ofa_export.model.blocks.masks import valid_positions
from ofa_export.model.blocks.padded_norm import normalised
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.model.reductions.without_adaptation import without_adaptation
from ofa_export.validation.deviation import deviation

GRAPH = "recommend"

OTHER_NET_DB = 20.0
"""Scores that are further off than this do not come from rounding to eight bits, which leaves 30 dB and more."""

UTMOST_DB = 300.0
"""Stands for equal, and minus it for scores that are not finite."""


class StaticLinear(nn.Module):
    """Stands for an adaptive linear layer; what would be generated is not computed.

    Args:
        layer: whose static weights it has.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        assert isinstance(layer, AdaptiveLinear)
        self.static = layer.static

    def forward(self, x: Tensor, up: Tensor, bias: Tensor) -> Tensor:
        """Apply the layer, [B, T, in] -> [B, T, out]; `up` and `bias` are not looked at."""
        result: Tensor = self.static(x)
        return result


class StaticLayerNorm(nn.Module):
    """Stands for an adaptive LayerNorm.

    Args:
        layer: whose static gain and bias it has.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        assert isinstance(layer, AdaptiveLayerNorm)
        self.gain, self.bias, self.epsilon, self.unpadded = layer.gain, layer.bias, layer.epsilon, layer.unpadded

    def forward(self, x: Tensor, gain: Tensor) -> Tensor:
        """Normalise over the last dimension; `gain` is not looked at."""
        if self.unpadded < x.shape[-1]:
            return normalised(x, self.unpadded, epsilon=self.epsilon) * self.gain + self.bias
        return F.layer_norm(x, (x.shape[-1],), self.gain, self.bias, self.epsilon)


class StaticNet(nn.Module):
    """History rows to the scores of every item, without anything that adapts.

    Args:
        model: the checkpoint's network; left as it is.
        table: [V, d], of one user group.
    """

    def __init__(self, model: AdaptiveRecommender, table: Tensor) -> None:
        super().__init__()
        made = without_adaptation(model)
        items, width = table.shape
        self.table = nn.Embedding(items, width, _weight=table.detach().clone())
        self.position, self.embedding, self.padding = made.position, made.embedding, made.padding
        self.blocks, self.final_norm = nn.ModuleList(_static(block) for block in made.blocks), made.final_norm
        self.scores = nn.Linear(width, items, bias=False)
        self.scores.weight = self.table.weight
        self.theta_size = made.theta_size

    def forward(self, history: Tensor, length: Tensor) -> tuple[Tensor]:
        """Score every item.

        Args:
            history: [1, T] item rows, left-padded with any row.
            length: [1], real items of the history.

        Returns:
            scores [1, V].
        """
        valid = valid_positions(length, history.shape[1])
        embedded = self.embedding(self.table(history) * valid[:, :, None], self.position, valid)
        x = with_padding(embedded, valid, self.padding)
        theta = x.new_zeros(1, self.theta_size)
        for block in self.blocks:
            x = block(x, valid, theta)
        return (self.scores(self.final_norm(x[:, -1])),)


def static_graph(model: AdaptiveRecommender, table: Tensor) -> DeviceGraph:
    """Return the static net as a graph that any converter converts.

    Args:
        model: the checkpoint's network; left as it is.
        table: [V, d].
    """
    spec = GraphSpec(
        GRAPH,
        (TensorSpec("history", (1, model.config.history_length), "int32"), TensorSpec("length", (1,), "int32")),
        (TensorSpec("scores", (1, len(table))),),
    )
    return DeviceGraph(spec, StaticNet(model, table).eval().requires_grad_(False))


def _static(block: nn.Module) -> nn.Module:
    assert isinstance(block, AdaptiveBlock)
    block.linears = nn.ModuleDict({name: StaticLinear(layer) for name, layer in block.linears.items()})
    block.norms = nn.ModuleDict({name: StaticLayerNorm(layer) for name, layer in block.norms.items()})
    return block


def scores_snr_db(contender: StaticContender, graph: DeviceGraph, histories: Sequence[NDArray[np.int64]]) -> float:
    """Return scores on the runtime against those of the same net in PyTorch, the worst history, in dB.

    Args:
        contender: the net on the runtime.
        graph: the same net in PyTorch; `static_graph` makes it.
        histories: item rows of users.

    Returns:
        Signal-to-noise ratio as in `deviation`, within +-`UTMOST_DB`.
    """
    found, expected = [], []
    for history in histories:
        found.append(contender.scores(history))
        with torch.no_grad():
            expected.append(graph.module(*(torch.from_numpy(value) for value in contender.inputs(history)))[0].numpy())
    worst = deviation(np.stack(expected), np.stack(found)).snr_db.min()
    return float(np.clip(worst, -UTMOST_DB, UTMOST_DB))
