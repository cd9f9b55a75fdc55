"""Device graphs -> .pte: one method for each graph, XNNPACK where it can, torchao for int4 and PT2E for int8."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import nn
from torch.export import ExportedProgram

from ofa_export.converters.quiet import converter_chatter_silenced
from ofa_export.errors import LoweringError
from ofa_export.graphs.device import DeviceGraph, sample_inputs
from ofa_export.graphs.layers import linear_layers, linear_paths
from ofa_export.precision import GROUPWISE, Precision, Scheme, check_layers

with converter_chatter_silenced():
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from executorch.exir import to_edge_transform_and_lower
    from torchao.quantization import Int8DynamicActivationIntxWeightConfig, quantize_
    from torchao.quantization.granularity import PerGroup
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

Result = TypeVar("Result")


def convert_to_executorch(graphs: Sequence[DeviceGraph], *, precision: Precision) -> bytes:
    """Convert graphs to one .pte file with a method for each.

    Args:
        graphs: the graphs, in order.
        precision: of each layer. int8 weights have a scale per output, int4 weights one per 32 inputs; a layer whose
            inputs are no multiple of 32 is int8 where int4 was asked for. Activations become int8 as they come.

    Returns:
        The file; its methods are named as the graphs.

    Raises:
        ConfigError: the precision names a layer that no graph has.
        LoweringError: a tool refused a graph.
    """
    check_layers(precision, linear_layers(graphs))
    with converter_chatter_silenced(), torch.no_grad():
        programs = {graph.spec.name: _program(graph, precision) for graph in graphs}
        return _stage("lower", None, lambda: _lower(programs))


def _program(graph: DeviceGraph, precision: Precision) -> ExportedProgram:
    schemes = {
        path: GROUPWISE.applied(precision.scheme_of(f"{graph.spec.name}.{path}"), in_features=layer.in_features)
        for path, layer in linear_paths(graph).items()
    }
    inputs = sample_inputs(graph.spec)
    module = graph.module
    if "int4" in schemes.values():
        module = _stage("quantise", graph, lambda: _with_int4(graph.module, schemes))
    program = _stage("export", graph, lambda: torch.export.export(module, inputs))
    if precision.base == "int8" or "int8" in schemes.values():
        return _stage("quantise", graph, lambda: _with_int8(program, inputs, schemes, precision.base))
    return program


def _with_int4(module: nn.Module, schemes: Mapping[str, Scheme]) -> nn.Module:
    config = Int8DynamicActivationIntxWeightConfig(
        weight_dtype=torch.int4,  # type: ignore[attr-defined]
        weight_granularity=PerGroup(GROUPWISE.int4_group),
    )
    quantised = copy.deepcopy(module)
    quantize_(quantised, config, filter_fn=lambda _, path: schemes.get(path) == "int4")
    return quantised


def _with_int8(
    program: ExportedProgram, inputs: tuple[torch.Tensor, ...], schemes: Mapping[str, Scheme], base: Scheme
) -> ExportedProgram:
    config = get_symmetric_quantization_config(is_per_channel=True, is_dynamic=True)
    quantizer = XNNPACKQuantizer().set_global(config)
    # Operations outside any linear layer, such as a product with a matrix of positions, have the base scheme.
    quantizer.set_filter_function(lambda node: schemes.get(_innermost_path(node), base) == "int8")
    prepared = prepare_pt2e(program.module(), quantizer)
    # One pass shows the weights to their observers; activations are quantised on the device, so inputs do not matter.
    prepared(*inputs)
    return torch.export.export(convert_pt2e(prepared), inputs)


def _innermost_path(node: Any) -> str:
    paths = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    return str(paths[-1]).removeprefix("L['self'].") if paths else ""


def _lower(programs: dict[str, ExportedProgram]) -> bytes:
    edge = to_edge_transform_and_lower(programs, partitioner=[XnnpackPartitioner()])
    return bytes(edge.to_executorch().buffer)


def _stage(stage: str, graph: DeviceGraph | None, work: Callable[[], Result]) -> Result:
    try:
        return work()
    except Exception as error:
        raise LoweringError(
            converter="executorch",
            stage=stage,
            graph=graph.spec.name if graph else None,
            detail=f"{type(error).__name__}: {error}",
        ) from error
