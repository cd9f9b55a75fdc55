from __future__ import annotations

import pytest
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils

from ofa_export.converters.registry import get_converter
from ofa_export.errors import BundleError
from ofa_export.precision import INT8

pytestmark = pytest.mark.integration


def test_signatures_carry_the_names_of_the_contract(graphs, converted) -> None:
    signatures = Interpreter(model_content=converted("litert", "int8")).get_signature_list()
    assert signatures == {
        graph.spec.name: {
            "inputs": sorted(tensor.name for tensor in graph.spec.inputs),
            "outputs": sorted(tensor.name for tensor in graph.spec.outputs),
        }
        for graph in graphs
    }


def test_every_weight_of_a_linear_layer_is_int8(graphs, converted) -> None:
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(converted("litert", "int8")))
    int8 = flatbuffer_utils.TensorType.INT8
    sizes = [
        len(model.buffers[tensor.buffer].data)
        for graph in model.subgraphs
        for tensor in graph.tensors
        if tensor.type == int8 and model.buffers[tensor.buffer].data is not None
    ]
    matrices = [
        parameter.numel()
        for graph in graphs
        for name, parameter in graph.module.named_parameters()
        if parameter.dim() == 2 and "position" not in name and "query" not in name
    ]
    assert sum(sizes) >= 0.99 * sum(matrices)


def test_inner_tensors_have_short_names_of_their_own(converted) -> None:
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(converted("litert", "fp32")))
    names = [tensor.name.decode() for graph in model.subgraphs for tensor in graph.tensors]
    assert len(names) == len(set(names))
    assert not any("Named" in name or "torch" in name for name in names)


def test_weights_of_large_files_lie_in_the_verified_flatbuffer(make_graphs) -> None:
    wide = make_graphs(width=64, rank=8)[:1]
    content = get_converter("litert").convert(wide, precision=INT8)
    assert len(content) > 256 * 1024
    buffers = flatbuffer_utils.convert_bytearray_to_object(content).buffers
    assert not any(buffer.offset for buffer in buffers)
    with pytest.raises(BundleError):
        get_converter("litert").load(content[:-1000], [graph.spec for graph in wide])
