"""Check that graphs converted again, with layers as outputs, compute what the bundle's own graphs do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

import numpy as np

from ofa_export.validation.finding import Finding, Status, at_most
from ofa_export.validation.reference import Tensors

SAME = 1e-6
"""Of the largest value of an output: float32 sums that a converter fuses otherwise differ in their last digits."""


def as_shipped_findings(
    shipped: Mapping[str, Tensors],
    tapped: Mapping[str, Tensors],
    *,
    again: Callable[[], Mapping[str, Tensors]],
    other_tools: tuple[str, ...],
) -> Iterator[Finding]:
    """Compare outputs on the same inputs; what differs is told apart, because only one of its causes is a defect.

    Args:
        shipped: of the bundle's graphs, from `run_graphs`.
        tapped: of the graphs whose layers are outputs.
        again: gives the outputs of the same graphs without taps, converted now; asked for where something differs.
        other_tools: what the bundle was made with and is of another version here.

    Yields:
        `layers.GRAPH.as_shipped`: fails where the same tools convert this checkpoint to another graph, and warns where
        other tools do, or where taps change what the converter fuses.
    """
    plain = cache(again)
    for name, outputs in shipped.items():
        found = _difference(outputs, tapped[name])
        sentence = f"Outputs of graph {name} of the bundle against those of the same graph converted again with its "
        status: Status = "fail"
        if found <= SAME:
            sentence += "layers as outputs, of the largest value: the layers shown are those of the bundle."
        elif _difference(outputs, plain()[name]) <= SAME:
            sentence += "layers as outputs; without them it is the bundle's, so they change what the converter fuses."
            status = "warn"
        else:
            sentence += "layers as outputs; without them it differs too: the layers shown are not the bundle's. "
            sentence += (
                f"It was made with {', '.join(other_tools)}."
                if other_tools
                else "The tools are the same, so its graphs were not made from this checkpoint, or changed afterwards."
            )
            status = "warn" if other_tools else "fail"
        yield at_most(f"layers.{name}.as_shipped", found, SAME, "abs", sentence, otherwise=status)


def other_tools(made_with: Mapping[str, str], here: Mapping[str, str]) -> tuple[str, ...]:
    """Name the tools whose version in a bundle is not the one on this computer.

    Args:
        made_with: of the bundle's manifest.
        here: of the converter.
    """
    return tuple(
        f"{tool} {made_with.get(tool, 'of no known version')} (here: {version})"
        for tool, version in here.items()
        if made_with.get(tool) != version
    )


def _difference(one: Tensors, other: Tensors) -> float:
    """Largest difference of any output, as a part of the output's largest value (at least 1)."""
    with np.errstate(invalid="ignore"):
        return float(
            np.max([np.abs(value - other[name]).max() / max(1.0, np.abs(value).max()) for name, value in one.items()])
        )
