"""Device graphs -> .pte: one method for each graph, XNNPACK where it can, PT2E for int8."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch.export import ExportedProgram

from ofa_export.backends.chatter import converter_chatter_silenced
from ofa_export.backends.sample_inputs import sample_inputs
from ofa_export.errors import LoweringError
from ofa_export.graphs.device import DeviceGraph

with converter_chatter_silenced():
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from executorch.exir import to_edge_transform_and_lower
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

Result = TypeVar("Result")


def convert_to_executorch(graphs: Sequence[DeviceGraph], *, precision: str) -> bytes:
    """Convert graphs to one .pte file with a method for each.

    Args:
        graphs: the graphs, in order.
        precision: "fp32", or "int8" for channelwise int8 weights with activations quantised as they come.

    Returns:
        The file; its methods are named as the graphs.

    Raises:
        LoweringError: a tool refused a graph.
    """
    with converter_chatter_silenced(), torch.no_grad():
        programs = {graph.spec.name: _export(graph) for graph in graphs}
        if precision == "int8":
            programs = {graph.spec.name: _quantise(graph, programs[graph.spec.name]) for graph in graphs}
        return _stage("lower", None, lambda: _lower(programs))


def _export(graph: DeviceGraph) -> ExportedProgram:
    return _stage("export", graph, lambda: torch.export.export(graph.module, sample_inputs(graph.spec)))


def _quantise(graph: DeviceGraph, program: ExportedProgram) -> ExportedProgram:
    return _stage("quantise", graph, lambda: _quantised(program, sample_inputs(graph.spec)))


def _quantised(program: ExportedProgram, inputs: tuple[torch.Tensor, ...]) -> ExportedProgram:
    config = get_symmetric_quantization_config(is_per_channel=True, is_dynamic=True)
    prepared = prepare_pt2e(program.module(), XNNPACKQuantizer().set_global(config))
    # One pass shows the weights to their observers; activations are quantised on the device, so inputs do not matter.
    prepared(*inputs)
    return torch.export.export(convert_pt2e(prepared), inputs)


def _lower(programs: dict[str, ExportedProgram]) -> bytes:
    edge = to_edge_transform_and_lower(programs, partitioner=[XnnpackPartitioner()])
    return bytes(edge.to_executorch().buffer)


def _stage(stage: str, graph: DeviceGraph | None, work: Callable[[], Result]) -> Result:
    try:
        return work()
    except Exception as error:
        raise LoweringError(
            backend="executorch",
            stage=stage,
            graph=graph.spec.name if graph else None,
            detail=f"{type(error).__name__}: {error}",
        ) from error
