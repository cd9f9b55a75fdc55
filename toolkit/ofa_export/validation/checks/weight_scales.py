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
from ofa_export.validation.tolerance import Limit

DIRECTIONS = 800
"""Random directions of the outputs, over all histories, that estimate how far a scale moves them."""

SURE = 4.0
"""Standard errors that are taken off an estimate: a model has thousands of scales, and none may alarm by chance."""

TRUSTED = 0.0025
"""Standard error up to which an estimate is used; what outputs hardly depend on has a larger one."""

FEWEST = 4
"""Histories that must depend on a scale before the spread between them says anything."""


CAUSE = 0.99
"""Share of the squared deviation that has to go with a wrong scale before it is called the cause. With a scale 97 %
went where the bias of an output was wrong that hardly differs between histories, 95 % with the larger of two scales."""

TINY = 1e-12
"""Keeps outputs that are silent from being divided by zero."""

Array = NDArray[np.float32]


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
    """Find the scale that is wrong, if one is: put right in the quantised reference, it takes the deviation away.

    Args:
        comparison: with a bundle that the target loads.

    Yields:
        `scales.GRAPH.error_share`, for graphs with linear layers and finite outputs whose rounding is known; nothing
        where the recipe has no limit for it.
    """
    limit = comparison.policy.scale_error_share
    if limit is None:
        return
    inputs, rounding = comparison.reference.inputs, {graph.spec.name: graph for graph in comparison.quantised_graphs}
    for graph in (graph for graph in comparison.graphs if graph.spec.name in rounding and linear_paths(graph)):
        name = graph.spec.name
        outputs, expected = comparison.outputs[name], comparison.quantised_outputs[name]
        if all(np.isfinite(value).all() for value in outputs.values()):
            yield compare_scales(graph, rounding[name], inputs[name], outputs, expected, limit=limit)


def compare_scales(
    graph: DeviceGraph, rounding: DeviceGraph, inputs: Tensors, outputs: Tensors, expected: Tensors, *, limit: Limit
) -> Finding:
    """Find the most suspicious scale, and try whether it is the cause.

    Args:
        graph: of the reference; at full precision, because what a scale does is smooth there.
        rounding: the same of the quantised reference.
        inputs: input -> values `[H, ...]`.
        outputs: of the device, output -> values `[H, ...]`.
        expected: of the quantised reference.
        limit: of the error that is certain.

    Returns:
        `scales.GRAPH.error_share`: the certain part of the error if it is the cause, and otherwise 0.
    """
    name = graph.spec.name
    found = scale_errors(graph, inputs, {output: outputs[output] - value for output, value in expected.items()})
    # What an output does that hardly matters looks like a large error of it; the culprit explains more than others.
    worst = max(found, key=lambda layer: float(layer.explained.max()))
    place = int(worst.explained.argmax())
    error, certain = float(worst.error[place]), float(worst.certain[place])
    subject = f"Scales of the linear layers of graph {name}, estimated from its outputs over all histories"
    if certain <= limit.limit:
        sentence = f"{subject}: no error of a scale is certain beyond this."
        return at_most(f"scales.{name}.error_share", certain, limit.limit, "share", sentence)
    bias = linear_paths(graph)[worst.layer].bias

    def scaled(error: float) -> dict[str, Array]:
        return with_scale(rounding, inputs, layer=worst.layer, bias=bias, output=place, error=error)

    # The estimate is that of a network that rounds nothing; what the scale does where activations are rounded counts.
    tried = error * size_of(outputs, expected, scaled(error))
    gone = share_gone(outputs, expected, scaled(tried))
    suspect = f"{subject}; the most suspicious is output {place} of {worst.layer}, by"
    effect = f"PyTorch that rounds as the runtime does deviates by {max(gone, 0):.0%} less, in the median history"
    if gone < CAUSE:
        sentence = (
            f"{suspect} {error:+.2%}. With the size that fits best {effect}; a cause would take {CAUSE:.0%} away. "
            "This scale alone is not the cause, which was not found."
        )
        return at_most(f"scales.{name}.error_share", 0, limit.limit, "share", sentence)
    doubt = float(worst.standard_error[place])
    sentence = f"{suspect} {tried:+.2%} +- {doubt:.2%}. With it {effect}: this scale is the cause."
    certain = max(abs(tried) - SURE * doubt, 0)
    return at_most(f"scales.{name}.error_share", certain, limit.limit, "share", sentence)


@torch.no_grad()
def with_scale(
    graph: DeviceGraph, inputs: Tensors, *, layer: str, bias: Tensor | None, output: int, error: float
) -> dict[str, Array]:
    """Compute the outputs of a graph in which one output of a linear layer is scaled wrongly.

    Args:
        graph: of the quantised reference; left as it is.
        inputs: input -> values `[H, ...]`.
        layer: path of the layer.
        bias: of the layer, which its scales do not reach, `[out]`; None where it has none.
        output: of the layer.
        error: relative error of the scale.

    Returns:
        output -> values `[H, ...]`.
    """
    module = graph.module.get_submodule(layer)

    def hook(_: nn.Module, __: tuple[Tensor, ...], result: Tensor) -> Tensor:
        scaled = result.clone()
        scaled[..., output] += error * (result[..., output] - (0 if bias is None else bias[output]))
        return scaled

    handle = module.register_forward_hook(hook)
    try:
        values = graph.module(*(torch.from_numpy(np.ascontiguousarray(value)) for value in inputs.values()))
    finally:
        handle.remove()
    return {tensor.name: value.numpy() for tensor, value in zip(graph.spec.outputs, values, strict=True)}


def size_of(outputs: Tensors, expected: Tensors, changed: Tensors) -> float:
    """Tell how often a change of the reference fits into the deviation of the device, in the median history.

    Args:
        outputs: of the device, output -> values `[H, ...]`.
        expected: of the reference.
        changed: of the changed reference.

    Returns:
        The factor with which the change is nearest to the deviation; 0 where the change moves nothing.
    """
    deviation, change = _moved(outputs, expected, expected), _moved(changed, expected, expected)
    squares = np.square(change).sum(axis=1)
    counted = squares > 0
    return float(np.median((deviation * change).sum(axis=1)[counted] / squares[counted])) if counted.any() else 0.0


def share_gone(outputs: Tensors, expected: Tensors, changed: Tensors) -> float:
    """Tell how much of the squared deviation a change of the reference takes away, in the median history.

    Each history by itself, because one that rounds an activation otherwise deviates by more than a wrong scale does.

    Args:
        outputs: of the device, output -> values `[H, ...]`.
        expected: of the reference.
        changed: of the changed reference.

    Returns:
        1 when nothing is left, 0 when as much is left as before, less than 0 when more is; over the histories that the
        change moves.
    """
    before, after, change = (
        np.square(_moved(one, other, expected)).sum(axis=1)
        for one, other in ((outputs, expected), (outputs, changed), (changed, expected))
    )
    counted = (change > 0) & (before > 0)
    return float(np.median(1 - after[counted] / before[counted])) if counted.any() else 0.0


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


def _moved(one: Tensors, other: Tensors, expected: Tensors) -> NDArray[np.float64]:
    """Differences of all outputs but the gates, each as a part of its usual size in the reference, `[H, values]`."""
    parts = []
    for name in (name for name in expected if name != GATES[1]):
        size = max(float(np.sqrt(np.square(expected[name], dtype=np.float64).mean())), TINY)
        difference = one[name].astype(np.float64) - other[name]
        parts.append(difference.reshape(len(difference), -1) / size)
    return np.concatenate(parts, axis=1)
