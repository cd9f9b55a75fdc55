"""A small network with the shape of the real device graphs, so that the backends are tested without a checkpoint."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from ofa_export.contract import DeviceShapes, GraphSpec, device_contract

HEADS = 2
RANK = 4
SHAPES = DeviceShapes(history_length=20, width=32, depth=2, candidates=100, theta_size=6 * 32 * RANK + 6 * 32 + 2 * 32)


@dataclasses.dataclass(frozen=True)
class StandInGraph:
    """What the backends need of a device graph: its spec and its module."""

    spec: GraphSpec
    module: nn.Module


def real_positions(length: Tensor, T: int) -> Tensor:
    """1.0 at the last `length` of T positions, else 0.0: [1, T]."""
    return (torch.arange(T, dtype=torch.int32)[None] >= T - length[:, None]).to(torch.float32)


class Adapt(nn.Module):
    """The mapper: history [1, T, d], length [1] -> hidden, gates, keep logits, one theta for each block."""

    def __init__(self, shapes: DeviceShapes) -> None:
        super().__init__()
        T, d, L, P = shapes.history_length, shapes.width, shapes.depth, shapes.theta_size
        self.depth = L
        self.position = nn.Parameter(0.1 * torch.randn(T, d))
        self.norm = nn.LayerNorm(d)
        self.features = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, d))
        self.attention = nn.Linear(d, 1)
        self.keep = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, 2 * L))
        self.structure = nn.Linear(2 * L, d)
        self.generators = nn.ModuleList(
            nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, P)) for _ in range(L)
        )

    def forward(self, history: Tensor, length: Tensor) -> tuple[Tensor, ...]:
        real = real_positions(length, history.shape[1])
        x = (history.shape[2] ** 0.5 * history + self.position) * real[..., None]
        features = self.norm(x + self.features(x))
        weights = torch.softmax(self.attention(features)[..., 0] + (real - 1) * 1e9, dim=-1)
        pooled = (weights[..., None] * features).sum(1)
        logits = self.keep(pooled)
        z = pooled + self.structure(logits)
        keep_logits = logits.reshape(1, self.depth, 2)
        gates = (keep_logits[..., 1] > keep_logits[..., 0]).to(torch.float32)
        return (x, gates, keep_logits, *(generator(z) for generator in self.generators))


class PersonalLinear(nn.Module):
    """Linear layer whose low-rank part and bias come from theta: W x + U (V x) + b."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.static = nn.Linear(d, d, bias=False)
        self.down = nn.Linear(d, RANK, bias=False)

    def forward(self, x: Tensor, U: Tensor, bias: Tensor) -> Tensor:
        return self.static(x) + torch.matmul(self.down(x), U.transpose(-1, -2)) + bias


class Block(nn.Module):
    """One pre-LN attention block with generated parameters: hidden [1, T, d], length [1], theta [1, P] -> hidden."""

    def __init__(self, shapes: DeviceShapes) -> None:
        super().__init__()
        self.width = shapes.width
        self.layers = nn.ModuleList(PersonalLinear(shapes.width) for _ in range(6))
        T = shapes.history_length
        self.register_buffer("causal", torch.tril(torch.ones(T, T)))

    def forward(self, hidden: Tensor, length: Tensor, theta: Tensor) -> tuple[Tensor, ...]:
        d, T = self.width, hidden.shape[1]
        U = theta[:, : 6 * d * RANK].reshape(6, 1, d, RANK)
        bias = theta[:, 6 * d * RANK : 6 * d * RANK + 6 * d].reshape(6, 1, 1, d)
        gain = theta[:, 6 * d * RANK + 6 * d :].reshape(2, 1, 1, d)

        def layer(index: int, x: Tensor) -> Tensor:
            out: Tensor = self.layers[index](x, U[index], bias[index])
            return out

        def heads(x: Tensor) -> Tensor:
            return x.reshape(1, T, HEADS, d // HEADS).transpose(1, 2)

        real = real_positions(length, T)
        visible = self.causal * real[:, None, :]
        x = nn.functional.layer_norm(hidden, (d,)) * (1 + gain[0])
        q, k, v = heads(layer(0, x)), heads(layer(1, x)), heads(layer(2, x))
        attention = torch.softmax(
            torch.matmul(q, k.transpose(-1, -2)) * (d // HEADS) ** -0.5 + (visible[:, None] - 1) * 1e9, dim=-1
        )
        mixed = torch.matmul(attention, v).transpose(1, 2).reshape(1, T, d)
        hidden = hidden + layer(3, mixed)
        x = nn.functional.layer_norm(hidden, (d,)) * (1 + gain[1])
        hidden = hidden + layer(5, torch.relu(layer(4, x)))
        return (hidden * real[..., None],)


class Score(nn.Module):
    """hidden [1, T, d], candidates [1, C, d] -> scores [1, C]."""

    def __init__(self, shapes: DeviceShapes) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(shapes.width)

    def forward(self, hidden: Tensor, candidates: Tensor) -> tuple[Tensor, ...]:
        user = self.norm(hidden[:, -1])
        return (torch.matmul(candidates, user[..., None])[..., 0],)


def stand_in_graphs(*, seed: int = 0, shapes: DeviceShapes = SHAPES) -> tuple[StandInGraph, ...]:
    """Graphs of the whole contract with random weights, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        modules = [Adapt(shapes), *(Block(shapes) for _ in range(shapes.depth)), Score(shapes)]
    contract = device_contract(shapes)
    return tuple(StandInGraph(spec, module.eval()) for spec, module in zip(contract, modules, strict=True))
