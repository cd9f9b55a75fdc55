"""Small inputs: hidden states so small that the epsilon of a normalisation decides, as in no real history.

On real histories another epsilon moves an output by a millionth of itself, less than one step of int8; on these it
moves it by its own size, in every history. A single activation half way between two steps costs some histories 50 to 90
dB, half of them in wide or long networks that are sound, so the best history counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ofa_export.graphs.device import AdaptGraph, DeviceGraph
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.deviation import deviation
from ofa_export.validation.finding import Finding, at_least
from ofa_export.validation.reference import GATES, Reference, Tensors, run_graphs, run_modules
from ofa_export.validation.tolerance import Limit

LEVELS = (1e-2, 1e-3)
"""Root mean squares of a position; their squares lie on both sides of the usual epsilon, 1e-5."""

CASES = 8
"""Histories that are made small: the longest, because one item alone moves nothing in the extractors."""

AFFINE = 1e-3
"""Part of a level by which an embedded history may miss it; one that is normalised cannot be made small at all."""

MUCH_DB = 20.0
"""By so much, at least, another epsilon costs more on small inputs than on real ones (our choice)."""


def small_input_findings(comparison: Comparison) -> Iterator[Finding]:
    """Compare the bundle's graphs with the quantised reference on small inputs; see `compare_small_inputs`.

    Args:
        comparison: with a bundle that the target loads.

    Yields:
        `small_inputs.GRAPH.OUTPUT.snr_db`; nothing where the recipe has no limit for it.
    """
    floor = comparison.policy.small_inputs_snr_db
    if floor is None:
        return
    known = {graph.spec.name: graph for graph in comparison.quantised_graphs}
    inputs = small_inputs([each for each in comparison.graphs if each.spec.name in known], comparison.reference.inputs)
    tried = [graph for name, graph in known.items() if name in inputs]
    small = Reference(inputs=inputs, outputs=run_modules(tried, inputs))
    specs, entry = [graph.spec for graph in tried], comparison.converter.entry_name
    found = run_graphs(comparison.runner, specs, small, entry=entry)
    usual = {
        (name, output): deviation(expected, comparison.outputs[name][output]).median_snr_db
        for name, tensors in comparison.quantised_outputs.items()
        for output, expected in tensors.items()
    }
    yield from compare_small_inputs(found, small.outputs, floor=floor, usual=usual)


def small_inputs(graphs: Sequence[DeviceGraph], inputs: Mapping[str, Tensors]) -> Mapping[str, Tensors]:
    """Make the reference's inputs small where they are hidden states.

    Args:
        graphs: as `device_graphs` gives them.
        inputs: of the reference, graph -> input -> values `[H, ...]`.

    Returns:
        Some of them, `[levels * cases, ...]`, level by level, for every graph that can have small inputs: `adapt`
        cannot where the backbone normalises embedded histories.
    """
    chosen = np.sort(np.argsort(-inputs["adapt"]["length"], kind="stable")[:CASES])
    made = {}
    for graph in graphs:
        some = {name: value[chosen] for name, value in inputs[graph.spec.name].items()}
        (first, hidden), *others = some.items()
        levels = _histories(graph.module, some) if isinstance(graph.module, AdaptGraph) else _hidden(hidden)
        if levels:
            rest = {name: np.concatenate([value] * len(levels)) for name, value in others}
            made[graph.spec.name] = {first: np.concatenate(levels), **rest}
    return made


def compare_small_inputs(
    outputs: Mapping[str, Tensors],
    quantised: Mapping[str, Tensors],
    *,
    floor: Limit,
    usual: Mapping[tuple[str, str], float],
) -> Iterator[Finding]:
    """Compare every output on small inputs: in the best history at the worse level.

    Args:
        outputs: of the bundle's graphs on `small_inputs`.
        quantised: of the quantised reference, on the same.
        floor: in decibels.
        usual: (graph, output) -> signal-to-noise ratio of the median history on real inputs, in decibels: what deviates
            there as well does not take small states.

    Yields:
        `small_inputs.GRAPH.OUTPUT.snr_db`.
    """
    for graph, tensors in quantised.items():
        for output, expected in tensors.items():
            if (graph, output) == GATES:
                continue
            cases = len(expected) // len(LEVELS)
            parts = [slice(start, start + cases) for start in range(0, len(expected), cases)]
            found = [deviation(expected[part], outputs[graph][output][part]) for part in parts]
            if any(part.silent for part in found):
                continue
            best = [float(part.snr_db.max()) for part in found]
            worse = int(np.argmin(best))
            elsewhere = ""
            if not best[worse] >= floor.limit:
                elsewhere = f" On real histories it has {usual[graph, output]:.1f} dB"
                alike = usual[graph, output] < best[worse] + MUCH_DB
                elsewhere += ", hardly more: it takes no small states, and the cause was not found." if alike else "."
            yield at_least(
                f"small_inputs.{graph}.{output}.snr_db",
                best[worse],
                floor.limit,
                "dB",
                f"Output {output} of graph {graph} in the bundle against PyTorch at its precision, on hidden states so "
                f"small that the epsilon of a normalisation decides, in the best history at the worse size, "
                f"{LEVELS[worse]:g}.{elsewhere}",
            )


def _hidden(hidden: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    size = np.sqrt(np.square(hidden).mean(axis=-1, keepdims=True))
    unit = np.divide(hidden, size, out=np.zeros_like(hidden), where=size > 0)
    return [(unit * np.float32(level)).astype(np.float32) for level in LEVELS]


@torch.no_grad()
def _histories(adapt: AdaptGraph, inputs: Tensors) -> list[NDArray[np.float32]]:
    """Histories whose embedding, an affine function of each value, is small."""
    history, length = (torch.from_numpy(np.ascontiguousarray(inputs[name])) for name in ("history", "length"))

    def embedded(value: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = adapt(value, length)[0]
        return hidden

    nothing = embedded(torch.zeros_like(history))
    slope = embedded(torch.ones_like(history)) - nothing
    made = []
    for wanted in map(torch.from_numpy, _hidden(history.numpy())):
        value = torch.where(slope.abs() > 0, (wanted - nothing) / slope, 0)
        missed = (embedded(value) - torch.where(slope.abs() > 0, wanted, 0)).abs().max()
        if not missed <= AFFINE * wanted.abs().max():
            return []
        made.append(value.numpy())
    return made
