"""Scales of the weights of linear layers, estimated from outputs: an error of one percent shows through the rounding.

A scale that is off by one percent drowns in the rounding of int8 when outputs are compared one by one. But rounding
differs from history to history, and a wrong scale does not: the projection of all deviations onto what a change of
that scale would do to the outputs averages the rounding away (least squares; our choice).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ofa_export.graphs.device import DeviceGraph
from ofa_export.graphs.layers import linear_paths
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.finding import Finding, at_most
from ofa_export.validation.reference import GATES, Tensors

DIRECTIONS = 800
"""Random directions of the outputs, over all histories, that estimate how far a scale moves them."""

SURE = 4.0
"""Standard errors that are taken off an estimate: a model has thousands of scales, and none may alarm by chance."""

TRUSTED = 0.0025
"""Standard error up to which an estimate is used; what outputs hardly depend on has a larger one."""

FEWEST = 4
"""Histories that must depend on a scale before the spread between them says anything."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ScaleErrors:
    """Estimated relative errors of the scales of one layer.

    Args:
        layer: path of the layer in its graph.
        error: of each output, `[out]`.
        standard_error: of each estimate, from its spread over histories, `[out]`; infinite where nothing depends on it.
        explained: how much of the squared deviation would go if the error were put right, `[out]`; 0 where the estimate
            is not used.
    """

    layer: str
    error: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    explained: NDArray[np.float64]

    @property
    def certain(self) -> NDArray[np.float64]:
        """The certain part of the size of each error, `[out]`, at least 0; 0 where the estimate is not used."""
        trusted = self.standard_error <= TRUSTED
        left: NDArray[np.float64] = np.where(trusted, np.abs(self.error) - SURE * self.standard_error, 0)
        return np.maximum(left, 0)


def scale_findings(comparison: Comparison) -> Iterator[Finding]:
    """Estimate the error of the scale that explains most of the deviation from the quantised reference, graph by graph.

    Args:
        comparison: with a bundle that the target loads.

    Yields:
        `scales.GRAPH.error_share`, for graphs with linear layers and finite outputs whose rounding is known; nothing
        where the recipe has no limit for it.
    """
    limit = comparison.policy.scale_error_share
    if limit is None:
        return
    quantised, inputs = comparison.quantised_outputs, comparison.reference.inputs
    # At full precision: what a scale does is smooth there.
    for graph in (graph for graph in comparison.graphs if graph.spec.name in quantised):
        name = graph.spec.name
        outputs = comparison.outputs[name]
        noise = {output: outputs[output] - value for output, value in quantised[name].items()}
        if not linear_paths(graph) or not all(np.isfinite(value).all() for value in noise.values()):
            continue
        found = scale_errors(graph, inputs[name], noise)
        # What an output does that hardly matters looks like a large error of it; the culprit explains more than others.
        worst = max(found, key=lambda layer: float(layer.explained.max()))
        place = int(worst.explained.argmax())
        sentence = (
            f"Scales of the linear layers of graph {name}, estimated from its outputs over all histories; the most "
            f"suspicious is output {place} of {worst.layer}: {worst.error[place]:+.2%} "
            f"+- {worst.standard_error[place]:.2%}, of which this is certain."
        )
        yield at_most(f"scales.{name}.error_share", float(worst.certain[place]), limit.limit, "share", sentence)


def scale_errors(graph: DeviceGraph, inputs: Tensors, noise: Tensors) -> list[ScaleErrors]:
    """Estimate the error of every scale alone, as if all others were right.

    Args:
        graph: of the reference.
        inputs: input -> values `[H, ...]`.
        noise: output -> what is to be explained, `[H, ...]`.

    Returns:
        The linear layers that any output depends on.
    """
    with torch.enable_grad():
        values, gains = _with_gains(graph, inputs)
        weights = {name: 1 / value.detach().square().mean().clamp(min=1e-12).sqrt() for name, value in values.items()}
        scaled = [value * weights[name] for name, value in values.items()]
        towards = [torch.from_numpy(noise[name]) * weights[name] for name in values]
        found = _derivative(scaled, towards, gains)
        generator = torch.Generator().manual_seed(0)
        reach = {path: torch.zeros_like(gain) for path, gain in gains.items()}
        directions = max(1, round(DIRECTIONS / len(scaled[0])))
        for _ in range(directions):
            signs = [torch.randint(0, 2, value.shape, generator=generator) * 2.0 - 1 for value in scaled]
            for path, part in _derivative(scaled, signs, gains).items():
                reach[path] += part.square() / directions
    return [_estimate(path, found[path], reach[path]) for path in gains]


def _with_gains(graph: DeviceGraph, inputs: Tensors) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Compute outputs by name, and by layer the number, zero, that adds to each output's scale in each history."""
    gains: dict[str, Tensor] = {}

    def hook(path: str) -> Any:
        def scaled(layer: nn.Linear, _: tuple[Tensor, ...], result: Tensor) -> Tensor:
            shape = (len(result), *[1] * (result.ndim - 2), result.shape[-1])
            gains[path] = torch.zeros(shape, requires_grad=True)
            return result + gains[path] * (result if layer.bias is None else result - layer.bias)

        return scaled

    handles = [layer.register_forward_hook(hook(path)) for path, layer in linear_paths(graph).items()]
    try:
        results = graph.module(*(torch.from_numpy(np.ascontiguousarray(value)) for value in inputs.values()))
    finally:
        for handle in handles:
            handle.remove()
    names = [tensor.name for tensor in graph.spec.outputs]
    values = {name: value for name, value in zip(names, results, strict=True) if (graph.spec.name, name) != GATES}
    return {name: value for name, value in values.items() if value.requires_grad}, gains


def _derivative(values: list[Tensor], towards: list[Tensor], gains: dict[str, Tensor]) -> dict[str, Tensor]:
    product = torch.stack([(value * direction).sum() for value, direction in zip(values, towards, strict=True)]).sum()
    parts = torch.autograd.grad(product, list(gains.values()), retain_graph=True, materialize_grads=True)
    return dict(zip(gains, parts, strict=True))


def _estimate(path: str, found: Tensor, reach: Tensor) -> ScaleErrors:
    f, n = (value.reshape(len(value), value.shape[-1]).double().numpy() for value in (found, reach))
    total, squares = n.sum(axis=0), np.square(n).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(total > 0, f.sum(axis=0) / total, 0)
        spread = np.sqrt(np.square(f - error * n).sum(axis=0)) / total
        enough = (total > 0) & (np.square(total) >= FEWEST * squares)
    return ScaleErrors(
        layer=path,
        error=error,
        standard_error=np.where(enough, spread, np.inf),
        explained=np.where(enough & (spread <= TRUSTED), np.square(error) * total, 0),
    )
