"""Findings about the layers of a bundle: that they are those that were shipped, and round as their schemes say.

For `validate --layers` the graphs are converted once more with the outputs of every layer as further outputs, for the
same runtime and in the same precision. That these are the layers as they were shipped is not taken for granted: the
graphs' own outputs are compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import numpy as np

from ofa_export.validation.comparison import Comparison
from ofa_export.validation.finding import Finding, Status, at_least, at_most, reported
from ofa_export.validation.layers.layer_error import LayerError, ratio
from ofa_export.validation.reference import Tensors
from ofa_export.validation.tolerance import Limit

SAME = 1e-6
"""Of the largest value of an output: float32 sums that a converter fuses otherwise differ in their last digits."""


def as_shipped_findings(comparison: Comparison) -> Iterator[Finding]:
    """Compare the outputs of the bundle's graphs with those of the graphs whose layers are outputs.

    Args:
        comparison: with a bundle that the target loads.

    Yields:
        `layers.GRAPH.as_shipped`: fails where the same tools convert this checkpoint to another graph, and warns where
        other tools do, or where further outputs change what the converter fuses.

    Raises:
        LoweringError: the converter refused the graphs with their layers as outputs.
        MissingToolError: the converter is not installed.
    """
    tools = other_tools(comparison.manifest.tools, comparison.converter.tool_versions())

    @cache
    def plain() -> Mapping[str, Tensors]:
        content = comparison.converted(comparison.converter, comparison.recipe.precision)
        runner = comparison.target.load(comparison.converter, content, comparison.specs)
        return comparison.outputs_of(runner)

    for name, outputs in comparison.outputs.items():
        found = _difference(outputs, comparison.layer_runs[name].outputs)
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
                f"It was made with {', '.join(tools)}, which may be why."
                if tools
                else "The tools are the same, so they are not why; the cause was not found."
            )
            status = "warn" if tools else "fail"
        yield at_most(f"layers.{name}.as_shipped", found, SAME, "abs", sentence, otherwise=status)


def unexplained_findings(comparison: Comparison) -> Iterator[Finding]:
    """Hold each layer against the same layer in PyTorch with the rounding of its precision, fed the same.

    Args:
        comparison: with a bundle that the target loads.

    Yields:
        `layers.GRAPH.unexplained.snr_db`: of the layer that is furthest off.
    """
    for name, run in comparison.layer_runs.items():
        yield _unexplained_finding(name, run.errors, comparison.limits.layer_unexplained_snr_db)


def other_tools(made_with: Mapping[str, str], here: Mapping[str, str]) -> tuple[str, ...]:
    """Name the tools whose version in a bundle is not the one on this computer.

    Args:
        made_with: of the bundle's manifest.
        here: of the converter.

    Returns:
        Each with both versions, in words.
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


def _unexplained_finding(name: str, errors: Sequence[LayerError], limit: Limit | None) -> Finding:
    """`layers.GRAPH.unexplained.snr_db`: of the layer that is furthest from what its scheme makes of its inputs."""
    worst = min(errors, key=lambda error: (error.max_abs_err is not None, ratio(error.unexplained_snr_db)))
    measured = ratio(worst.unexplained_snr_db) if worst.max_abs_err is not None else -math.inf
    assertion, sentence = (
        f"layers.{name}.unexplained.snr_db",
        f"What each layer of graph {name} gives for what reached it, against the same layer in PyTorch with the "
        f"rounding of its precision; the furthest off is {worst.layer}.",
    )
    if limit is None:
        return reported(assertion, measured, "dB", sentence)
    return at_least(assertion, measured, limit.limit, "dB", sentence)
