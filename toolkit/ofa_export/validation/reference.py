"""The reference: inputs and outputs in PyTorch of every device graph on all histories, in one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ofa_export.contract import block_name, theta_name
from ofa_export.graphs.device import DeviceGraph
from ofa_export.model.network import lookup

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """Inputs and outputs of each graph by name, each tensor `[H, ...]`; every graph is fed what the reference feeds it.

    Args:
        inputs: graph -> input -> values.
        outputs: graph -> output -> values.
    """

    inputs: Mapping[str, Tensors]
    outputs: Mapping[str, Tensors]

    @property
    def gates(self) -> NDArray[np.float32]:
        """Decisions of the reference, `[H, L]` of 0 and 1."""
        gates: NDArray[np.float32] = self.outputs["adapt"]["gates"]
        return gates

    @property
    def gate_margins(self) -> NDArray[np.float32]:
        """Keep logit minus leave logit, `[H, L]`; near 0 means a close decision."""
        logits: NDArray[np.float32] = self.outputs["adapt"]["keep_logits"]
        return logits[..., 1] - logits[..., 0]


@torch.no_grad()
def run_reference(graphs: Sequence[DeviceGraph], *, rows: NDArray[np.int32], table: Tensor) -> Reference:
    """Run the PyTorch modules of all graphs as a device would chain them.

    Args:
        graphs: as `device_graphs` gives them.
        rows: item rows of the histories, int32 `[H, T]`, -1 where padded.
        table: item table, `[V, d]`.

    Returns:
        The reference. `score` ranks C items that are spread evenly over the table, padded with zeros.
    """
    length = torch.from_numpy((rows >= 0).sum(axis=1, dtype=np.int32))
    inputs: dict[str, dict[str, Tensor]] = {
        "adapt": {"history": lookup(table, torch.from_numpy(rows.astype(np.int64))), "length": length}
    }
    outputs: dict[str, dict[str, Tensor]] = {}
    by_name = {graph.spec.name: graph for graph in graphs}

    def run(name: str) -> dict[str, Tensor]:
        names = [tensor.name for tensor in by_name[name].spec.outputs]
        outputs[name] = dict(zip(names, by_name[name].module(*inputs[name].values()), strict=True))
        return outputs[name]

    adapted = run("adapt")
    hidden = adapted["hidden"]
    for index in range(adapted["gates"].shape[1]):
        theta = theta_name(index)
        inputs[block_name(index)] = {"hidden": hidden, "length": length, theta: adapted[theta]}
        after = run(block_name(index))["hidden"]
        hidden = torch.where(adapted["gates"][:, index, None, None] > 0.5, after, hidden)
    candidates = _spread(table, by_name["score"].spec.inputs[1].shape[1])
    inputs["score"] = {"hidden": hidden, "candidates": candidates.expand(len(rows), -1, -1)}
    run("score")
    return Reference(inputs=_arrays(inputs), outputs=_arrays(outputs))


@torch.no_grad()
def run_modules(graphs: Sequence[DeviceGraph], inputs: Mapping[str, Tensors]) -> Mapping[str, Tensors]:
    """Run the PyTorch modules of all graphs on given inputs, each graph alone.

    Args:
        graphs: as `device_graphs` gives them.
        inputs: graph -> input -> values `[H, ...]`, in the order of the contract.

    Returns:
        graph -> output -> values `[H, ...]`.
    """
    outputs: dict[str, dict[str, Tensor]] = {}
    for graph in graphs:
        names = [tensor.name for tensor in graph.spec.outputs]
        values = [torch.from_numpy(np.ascontiguousarray(value)) for value in inputs[graph.spec.name].values()]
        outputs[graph.spec.name] = dict(zip(names, graph.module(*values), strict=True))
    return _arrays(outputs)


def _spread(table: Tensor, count: int) -> Tensor:
    rows = torch.from_numpy(np.unique(np.linspace(0, len(table) - 1, count).astype(np.int64)))
    return torch.nn.functional.pad(table[rows], (0, 0, 0, count - len(rows)))


def _arrays(graphs: dict[str, dict[str, Tensor]]) -> dict[str, Tensors]:
    return {name: {key: value.numpy() for key, value in tensors.items()} for name, tensors in graphs.items()}
