"""Reference inputs and outputs of every device graph on all histories, and outputs of a runtime on the same inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ofa_export.contract import GraphRunner, GraphSpec, block_name, theta_name
from ofa_export.errors import BundleError, RejectionCode
from ofa_export.graphs.device import DeviceGraph
from ofa_export.model.network import lookup

Tensors = Mapping[str, NDArray[Any]]

GATES = ("adapt", "gates")
"""The output that holds decisions and no signal: `checks/gates.py` compares it, and nothing else does."""


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
def run_reference(
    graphs: Sequence[DeviceGraph],
    *,
    rows: NDArray[np.int32],
    table: Tensor,
    blocks: NDArray[np.bool_] | None = None,
    candidates: NDArray[np.int64] | None = None,
) -> Reference:
    """Run the PyTorch modules of all graphs as a device would chain them.

    Args:
        graphs: as `device_graphs` gives them.
        rows: item rows of the histories, int32 `[H, T]`, -1 where padded.
        table: item table, `[V, d]`.
        blocks: which blocks change what those after them read, `[H, L]`; None for those that the gates choose.
        candidates: rows of the items that `score` ranks, `[H, C]`; None for the same ones in every history, spread
            evenly over the table and padded with zeros.
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
    hidden, runs = adapted["hidden"], adapted["gates"] > 0.5 if blocks is None else torch.from_numpy(blocks)
    for index in range(runs.shape[1]):
        theta = theta_name(index)
        inputs[block_name(index)] = {"hidden": hidden, "length": length, theta: adapted[theta]}
        after = run(block_name(index))["hidden"]
        hidden = torch.where(runs[:, index, None, None], after, hidden)
    ranked = (
        _spread(table, by_name["score"].spec.inputs[1].shape[1]).expand(len(rows), -1, -1)
        if candidates is None
        else table[torch.from_numpy(candidates)]
    )
    inputs["score"] = {"hidden": hidden, "candidates": ranked}
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


def run_graphs(
    runner: GraphRunner, specs: Sequence[GraphSpec], reference: Reference, *, entry: str
) -> Mapping[str, Tensors]:
    """Run loaded graphs on every history, each graph alone, so that errors neither add up nor move.

    Args:
        runner: the loaded graphs.
        specs: the tensor contract.
        reference: gives the inputs.
        entry: the bundle entry that the graphs came from.

    Returns:
        graph -> output -> values `[H, ...]`.

    Raises:
        BundleError: a graph returns another shape than the contract says, or leaves an output out.
    """
    return {spec.name: _run_graph(runner, spec, reference.inputs[spec.name], entry=entry) for spec in specs}


def _spread(table: Tensor, count: int) -> Tensor:
    rows = torch.from_numpy(np.unique(np.linspace(0, len(table) - 1, count).astype(np.int64)))
    return torch.nn.functional.pad(table[rows], (0, 0, 0, count - len(rows)))


def _run_graph(runner: GraphRunner, spec: GraphSpec, inputs: Tensors, *, entry: str) -> Tensors:
    count = len(inputs[spec.inputs[0].name])
    results = {tensor.name: np.empty((count, *tensor.shape[1:]), np.float32) for tensor in spec.outputs}
    for index in range(count):
        outputs = runner.run(
            spec.name, {name: np.ascontiguousarray(value[index : index + 1]) for name, value in inputs.items()}
        )
        for tensor in spec.outputs:
            found = outputs[tensor.name].shape if tensor.name in outputs else "nothing"
            if found != tensor.shape:
                reason = f"graph {spec.name} returned {found} for {tensor.name}; the contract says {tensor.shape}."
                raise BundleError(reason, code=RejectionCode.GRAPHS, entry=entry)
            results[tensor.name][index] = outputs[tensor.name][0]
    return results


def _arrays(graphs: dict[str, dict[str, Tensor]]) -> dict[str, Tensors]:
    return {name: {key: value.numpy() for key, value in tensors.items()} for name, tensors in graphs.items()}
