"""A check of converted graphs against PyTorch: a wrong guess of a converter ends the conversion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ofa_export.contract import GraphSpec
from ofa_export.converters.protocol import Converter
from ofa_export.errors import BundleError, LoweringError
from ofa_export.graphs.device import DeviceGraph

SHARE = 1e-3
"""Difference that passes, of the largest value of an output: rounding stays below it, another computation does not."""

WHOLE_NUMBERS = (1, 2, 5)
"""Values of integer inputs; each is one case."""


def check_conversion(content: bytes, graphs: Sequence[DeviceGraph], *, converter: str, loader: Converter) -> None:
    """Compare every output of every graph with the module that it was made of, on random inputs.

    Args:
        content: the file at full precision.
        graphs: what it was made of.
        converter: who made it, for the error.
        loader: loads the file.

    Raises:
        LoweringError: an output differs, or the file does not hold the graphs.
    """
    try:
        runner = loader.load(content, [graph.spec for graph in graphs])
    except BundleError as error:
        raise LoweringError(converter=converter, stage="check", graph=None, detail=error.reason) from error
    try:
        for graph in graphs:
            for number in WHOLE_NUMBERS:
                inputs = _inputs(graph.spec, number)
                _compare(graph, runner.run(graph.spec.name, inputs), _reference(graph, inputs), converter=converter)
    finally:
        runner.close()


def _inputs(spec: GraphSpec, number: int) -> dict[str, NDArray[Any]]:
    generator = np.random.default_rng(number)
    return {
        tensor.name: np.full(tensor.shape, number, np.int32)
        if tensor.dtype == "int32"
        else generator.normal(size=tensor.shape).astype(np.float32)
        for tensor in spec.inputs
    }


def _reference(graph: DeviceGraph, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    with torch.no_grad():
        outputs = graph.module(*(torch.from_numpy(inputs[tensor.name]) for tensor in graph.spec.inputs))
    return {tensor.name: output.numpy() for tensor, output in zip(graph.spec.outputs, outputs, strict=True)}


def _compare(
    graph: DeviceGraph,
    found: Mapping[str, NDArray[Any]],
    expected: Mapping[str, NDArray[Any]],
    *,
    converter: str,
) -> None:
    for name, value in expected.items():
        difference, largest = np.abs(found[name] - value).max(), np.abs(value).max()
        # Not "larger than": NaN is no agreement.
        if not difference <= SHARE * max(1.0, largest):
            detail = (
                f"output {name} is up to {difference:.1e} off what PyTorch computes, whose largest value is "
                f"{largest:.1e}; leave out --converter for this model"
            )
            raise LoweringError(converter=converter, stage="check", graph=graph.spec.name, detail=detail)
