"""Rounding error: the bundle's graphs against the quantised reference, which rounds as converter and runtime do.

What is left is the order of sums, and single activations half way between two steps, which cost the history that they
are in 30 to 100 dB. A defect is in every history. So where anything is quantised the median history counts, and smaller
defects show than quantisation itself would let through.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from torch import nn

from ofa_export.graphs.device import AdaptGraph, DeviceGraph
from ofa_export.model.fake_quantised import QuantisedLinear
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.deviation import deviation
from ofa_export.validation.finding import Finding, at_least
from ofa_export.validation.reference import GATES, Tensors
from ofa_export.validation.tolerance import Limit


def rounding_findings(comparison: Comparison) -> Iterator[Finding]:
    """Compare the bundle's graphs with the quantised reference; see `compare_rounding`.

    Args:
        comparison: with a bundle that the target loads.

    Yields:
        `rounding.GRAPH.OUTPUT.snr_db`; nothing where the recipe has no limit for it.
    """
    floor = comparison.policy.rounding_snr_db
    if floor is not None:
        unrounded = unrounded_outputs(comparison.quantised_graphs)
        yield from compare_rounding(comparison.outputs, comparison.quantised_outputs, unrounded, floor=floor)


def compare_rounding(
    outputs: Mapping[str, Tensors],
    quantised: Mapping[str, Tensors],
    unrounded: Collection[tuple[str, str]],
    *,
    floor: Limit,
) -> Iterator[Finding]:
    """Compare every output: in the median history, or in the worst where nothing is quantised.

    Args:
        outputs: of the bundle's graphs, from `run_graphs`.
        quantised: of the quantised reference, on the same inputs.
        unrounded: (graph, output) of outputs that no quantised layer has a part in.
        floor: in decibels; the same at every precision.

    Yields:
        `rounding.GRAPH.OUTPUT.snr_db`; none of outputs that are silent.
    """
    for graph, tensors in quantised.items():
        for output, expected in tensors.items():
            difference = deviation(expected, outputs[graph][output])
            if (graph, output) == GATES or difference.silent:
                continue
            exact = (graph, output) in unrounded
            worst, median = float(difference.snr_db.min()), difference.median_snr_db
            counts = "nothing is quantised here, so the worst counts" if exact else "the median counts"
            missed = not (worst if exact else median) >= floor.limit
            cause = f"; where one scale is the cause, scales.{graph} says so" if missed else ""
            yield at_least(
                f"rounding.{graph}.{output}.snr_db",
                worst if exact else median,
                floor.limit,
                "dB",
                f"Output {output} of graph {graph} in the bundle against PyTorch that rounds as the runtime does; of "
                f"{len(expected)} histories the worst has {worst:.1f} dB, the median {median:.1f} dB; {counts}{cause}.",
            )


def unrounded_outputs(graphs: Sequence[DeviceGraph]) -> list[tuple[str, str]]:
    """List the outputs that no quantised layer has a part in, as (graph, output).

    Args:
        graphs: of the quantised reference.
    """
    return [
        (graph.spec.name, tensor.name)
        for graph in graphs
        for tensor in graph.spec.outputs
        if not any(isinstance(module, QuantisedLinear) for module in _parts(graph.module, tensor.name).modules())
    ]


def _parts(module: nn.Module, output: str) -> nn.Module:
    """Find the part of a graph's module that computes an output."""
    return module.embedding if isinstance(module, AdaptGraph) and output == "hidden" else module
