"""A sweep: histories of every length, with every item and with repeats, through all graphs, with blocks on and off.

Each graph is fed what the reference feeds it, and its outputs are held against the quantised reference. Which blocks
ran before a block is not left to the gates of a history: every combination of blocks is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ofa_export.contract import GraphRunner
from ofa_export.graphs.device import DeviceGraph
from ofa_export.model.controller import StructureController
from ofa_export.support.decibels import decibels
from ofa_export.validation.deviation import SILENT
from ofa_export.validation.reference import GATES, Tensors, run_graphs, run_modules, run_reference

AT_ONCE = 64
"""Histories of one step at most: inputs and outputs of all graphs are held for so many."""

VALUES_AT_ONCE = 2**22
"""Values of candidates that are held at once: a call of `score` may take many."""

DRAWS = 64
"""Times that the inputs of a history are moved in their last digits."""

LAST_DIGITS = (-23, -17)
"""Powers of 2 between which inputs are moved, as a share of themselves: another order of sums does as much to what is
rounded. Where one activation cost most, 15 to 50 in a hundred tries turned it as the device did (our choice)."""

COMBINATIONS = 64
"""Combinations of blocks that are tried: all of them up to six blocks."""

Output = tuple[str, str]
"""Graph and output."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Swept:
    """Deviation of one output in every history of a sweep.

    Args:
        signal: sum of the squares of the expected values, `[M]`.
        noise: sum of the squares of the differences, `[M]`; not finite where a value is not.
        abs_err: largest absolute difference, `[M]`; NaN where a value is not finite.
        largest: largest absolute expected value of all histories.
    """

    signal: NDArray[np.float64]
    noise: NDArray[np.float64]
    abs_err: NDArray[np.float64]
    largest: float

    @property
    def silent(self) -> bool:
        """Whether the reference has no signal in any history."""
        return self.largest < SILENT

    @property
    def snr_db(self) -> NDArray[np.float64]:
        """Signal-to-noise ratio of each history as `deviation` has it: the mean signal against its own noise."""
        ratio: NDArray[np.float64] = decibels(self.signal.mean(), self.noise)
        return ratio


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """The results of a sweep over M histories.

    Args:
        rows: the histories, int32 `[M, T]`, -1 where padded.
        blocks: which blocks ran before the others, bool `[M, L]`.
        gates: which blocks the device's own gates choose, bool `[M, L]`.
        outputs: deviation of every output but the gates.
        undue: gates that do not follow from the device's own logits, `[M]`.
    """

    rows: NDArray[np.int32]
    blocks: NDArray[np.bool_]
    gates: NDArray[np.bool_]
    outputs: dict[Output, Swept]
    undue: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Items of each history, `[M]`."""
        lengths: NDArray[np.int64] = (self.rows >= 0).sum(axis=1)
        return lengths


def block_combinations(depth: int) -> NDArray[np.bool_]:
    """List combinations of blocks: all of them, or of many blocks all, none, each alone, all but each, and random ones.

    Args:
        depth: L.

    Returns:
        `[combinations, L]`, each once.
    """
    if 2**depth <= COMBINATIONS:
        return np.array(list(product([True, False], repeat=depth)))
    alone = np.eye(depth, dtype=bool)
    drawn = np.random.default_rng(0).random((COMBINATIONS, depth)) < 0.5
    every = np.concatenate([np.ones((1, depth), bool), np.zeros((1, depth), bool), alone, ~alone, drawn])
    _, first = np.unique(every, axis=0, return_index=True)
    return every[np.sort(first)[: max(COMBINATIONS, 2 + 2 * depth)]]


@torch.no_grad()
def nearest_rounding(graph: DeviceGraph, inputs: Tensors, given: NDArray[np.float32], *, output: str) -> float:
    """Move the inputs of one history in their last digits, and tell how near the quantised reference comes to a device.

    An activation half way between two steps falls either way, on a device and in a reference whose inputs moved. So
    what such activations cost goes away for some of these inputs, however much it is; what a defect costs does not.

    Args:
        graph: of the quantised reference.
        inputs: of the history, input -> values `[1, ...]`, in the order of the contract.
        given: the device's output for it, `[1, ...]`.
        output: its name.

    Returns:
        The least sum of squared differences of `DRAWS` tries; infinite where a value is not finite.
    """
    generator, moved = torch.Generator().manual_seed(0), []
    size = torch.logspace(*LAST_DIGITS, DRAWS, base=2)
    for value in inputs.values():
        values = torch.from_numpy(np.ascontiguousarray(value)).expand(DRAWS, *value.shape[1:])
        noise = torch.randn(values.shape, generator=generator) if values.is_floating_point() else 0
        share = size.reshape(-1, *[1] * (values.ndim - 1)) * noise
        moved.append((values * (1 + share)).to(values.dtype))
    names = [tensor.name for tensor in graph.spec.outputs]
    answers = dict(zip(names, graph.module(*moved), strict=True))[output].numpy()
    noises = _swept(answers, np.broadcast_to(given, answers.shape)).noise
    return float(noises.min())


def run_sweep(
    runner: GraphRunner,
    graphs: Sequence[DeviceGraph],
    quantised: Sequence[DeviceGraph],
    controller: StructureController,
    *,
    rows: NDArray[np.int32],
    blocks: NDArray[np.bool_],
    table: Tensor,
    entry: str,
) -> Sweep:
    """Run histories through all graphs, each graph alone.

    Args:
        runner: the bundle's graphs, loaded.
        graphs: of the reference, which give the inputs.
        quantised: of the quantised reference; what it lacks is held against the reference.
        controller: of the reference, for its rule of decision.
        rows: int32 `[M, T]`, -1 where padded.
        blocks: which blocks run, `[M, L]`.
        table: item table, `[V, d]`.
        entry: the bundle entry that the graphs came from.

    Raises:
        BundleError: a graph returns another shape than the contract says, or leaves an output out.
    """
    C = graphs[-1].spec.inputs[1].shape[1]
    # One item after the other, so that M calls rank each of V items some M C / V times.
    candidates = np.arange(len(rows) * C).reshape(len(rows), C) % len(table)
    # Some items have equal vectors, and a call may hold them side by side.
    candidates[3::4] = np.repeat(candidates[3::4], 2, axis=1)[:, :C]
    gates, undue, parts = [], [], list[dict[Output, Swept]]()
    step = max(1, min(AT_ONCE, VALUES_AT_ONCE // (C * table.shape[1])))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        reference = run_reference(
            graphs, rows=rows[part], table=table, blocks=blocks[part], candidates=candidates[part]
        )
        expected = {**reference.outputs, **run_modules(quantised, reference.inputs)}
        given = run_graphs(runner, [graph.spec for graph in graphs], reference, entry=entry)
        due = controller.decide(torch.from_numpy(given["adapt"]["keep_logits"])).numpy()
        gates.append(given["adapt"]["gates"] > 0.5)
        undue.append((given["adapt"]["gates"] != due).sum(axis=1))
        parts.append(
            {
                (graph, output): _swept(value, given[graph][output])
                for graph, tensors in expected.items()
                for output, value in tensors.items()
                if (graph, output) != GATES
            }
        )
    return Sweep(
        rows=rows,
        blocks=blocks,
        gates=np.concatenate(gates),
        outputs={output: _joined([part[output] for part in parts]) for output in parts[0]},
        undue=np.concatenate(undue),
    )


def _swept(expected: NDArray[np.float32], given: NDArray[np.float32]) -> Swept:
    wanted = expected.reshape(len(expected), -1).astype(np.float64)
    # Infinity less infinity is a NaN that fails, not a surprise.
    with np.errstate(invalid="ignore"):
        difference = given.reshape(len(given), -1).astype(np.float64) - wanted
        finite = np.isfinite(difference).all(axis=1)
        noise = np.where(finite, np.square(difference).sum(axis=1), np.inf)
    return Swept(
        signal=np.square(wanted).sum(axis=1),
        noise=noise,
        abs_err=np.where(finite, np.abs(difference).max(axis=1), np.nan),
        largest=float(np.abs(wanted).max()),
    )


def _joined(parts: list[Swept]) -> Swept:
    return Swept(
        signal=np.concatenate([part.signal for part in parts]),
        noise=np.concatenate([part.noise for part in parts]),
        abs_err=np.concatenate([part.abs_err for part in parts]),
        largest=max(part.largest for part in parts),
    )
