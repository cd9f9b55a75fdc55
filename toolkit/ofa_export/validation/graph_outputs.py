"""Outputs of a runtime for the reference's inputs, graph by graph, so that errors neither add up nor move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ofa_export.contract import GraphSpec
from ofa_export.converters.protocol import GraphRunner
from ofa_export.errors import BundleError, RejectionCode
from ofa_export.validation.reference import Reference, Tensors


def run_graphs(
    runner: GraphRunner, specs: Sequence[GraphSpec], reference: Reference, *, entry: str
) -> Mapping[str, Tensors]:
    """Run every graph on every history.

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
    return {spec.name: _run(runner, spec, reference.inputs[spec.name], entry=entry) for spec in specs}


def _run(runner: GraphRunner, spec: GraphSpec, inputs: Tensors, *, entry: str) -> Tensors:
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
