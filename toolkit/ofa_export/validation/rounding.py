"""Rounding: the bundle's graphs against PyTorch that rounds weights and activations as the runtime does.

What is left is the order of sums, and single activations half way between two steps. That is far less than
quantisation costs, so smaller defects show: one history without an unlucky activation suffices to see that all is
well, and a defect leaves none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
from torch import nn

from ofa_export.graphs.device import AdaptGraph, DeviceGraph
from ofa_export.model.fake_quantised import QuantisedLinear
from ofa_export.model.history_embedding import ScaledEmbedding
from ofa_export.validation.deviation import deviation
from ofa_export.validation.finding import Finding, at_least
from ofa_export.validation.gates import GATES
from ofa_export.validation.reference import Tensors
from ofa_export.validation.tolerance import Limit, PrecisionLimits

LUCKY = 0.9
"""Place among all histories, the worst at 0, of one that has no activation half way between two steps."""


def rounding_findings(
    outputs: Mapping[str, Tensors],
    imitated: Mapping[str, Tensors],
    unrounded: Collection[tuple[str, str]],
    *,
    limits: PrecisionLimits,
    full_precision: PrecisionLimits,
) -> Iterator[Finding]:
    """Signal-to-noise ratio of every output: of the median and of a lucky history, or of the worst.

    Args:
        outputs: of the bundle's graphs, from `run_graphs`.
        imitated: of the reference with the precision of the bundle, on the same inputs.
        unrounded: (graph, output) of outputs that no quantised layer has a part in.
        limits: of the precision.
        full_precision: of outputs that are not rounded.

    Yields:
        `rounding.GRAPH.OUTPUT.snr_db` and, of outputs that are rounded, `rounding.GRAPH.OUTPUT.lucky_snr_db`; none of
        outputs that are silent, or that the recipe has no limit for.
    """
    for graph, tensors in imitated.items():
        for output, expected in tensors.items():
            difference = deviation(expected, outputs[graph][output])
            if (graph, output) == GATES or difference.silent:
                continue
            ordered = np.sort(difference.snr_db)
            worst, median, lucky = (float(ordered[int(share * (len(ordered) - 1))]) for share in (0, 0.5, LUCKY))
            name = f"rounding.{graph}.{output}"
            subject = (
                f"Output {output} of graph {graph} in the bundle against PyTorch that rounds as the runtime does; of "
                f"{len(expected)} histories the worst has {worst:.1f} dB, the median {median:.1f} dB"
            )
            if (graph, output) in unrounded:
                text = f"{subject}. Nothing is quantised here, so the worst counts."
                yield from _finding(f"{name}.snr_db", worst, full_precision.rounding_snr_db, text)
            else:
                yield from _finding(f"{name}.snr_db", median, limits.rounding_snr_db, f"{subject}.")
                text = (
                    f"{subject}, the best tenth {lucky:.1f} dB or more, which a defect of all histories does not allow."
                )
                yield from _finding(f"{name}.lucky_snr_db", lucky, limits.rounding_lucky_snr_db, text)


def _finding(name: str, measured: float, floor: Limit | None, sentence: str) -> Iterator[Finding]:
    if floor is not None:
        yield at_least(name, measured, floor.limit, "dB", sentence)


def unrounded_outputs(graphs: Sequence[DeviceGraph]) -> list[tuple[str, str]]:
    """(graph, output) of the outputs that no quantised layer has a part in.

    Args:
        graphs: of the reference with the precision of the bundle.
    """
    return [
        (graph.spec.name, tensor.name)
        for graph in graphs
        for tensor in graph.spec.outputs
        if not any(isinstance(module, QuantisedLinear) for module in _parts(graph.module, tensor.name).modules())
    ]


def imitable(graphs: Sequence[DeviceGraph]) -> tuple[DeviceGraph, ...]:
    """The graphs whose rounding is known: RecBole's positions are a matrix of no linear layer, which is quantised too.

    Args:
        graphs: of the reference with the precision of the bundle.
    """
    return tuple(
        graph
        for graph in graphs
        if not isinstance(graph.module, AdaptGraph)
        or isinstance(graph.module.embedding, ScaledEmbedding)
        or not any(isinstance(module, QuantisedLinear) for module in graph.module.modules())
    )


def _parts(module: nn.Module, output: str) -> nn.Module:
    """The part of a graph's module that computes an output; RecBole's positions are a matrix that is quantised too."""
    if isinstance(module, AdaptGraph) and output == "hidden" and isinstance(module.embedding, ScaledEmbedding):
        return module.embedding
    return module
