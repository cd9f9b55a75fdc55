"""Layers on the real runtimes: looking at them changes nothing, and damage in a converted file shows in its layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ofa_export.converters.conversion import convert_cached
from ofa_export.converters.registry import get_converter
from ofa_export.graphs.device import device_graphs
from ofa_export.graphs.layers import linear_layers
from ofa_export.graphs.taps import tapped_graph
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.fake_quantised import fake_quantised
from ofa_export.precision import INT8, parse_precision
from ofa_export.validation.histories import validation_histories
from ofa_export.validation.layers.layer_error import LayerError, run_layers, worst_first
from ofa_export.validation.reference import Reference, run_graphs, run_reference

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("converter", ["litert", "executorch"])
def test_the_layers_shown_are_those_of_the_bundle_and_do_what_their_scheme_says(workshop: Any, converter: str) -> None:
    report = workshop.report(workshop.complete(converter=converter, precision="int8"), layers=True)
    assert workshop.failed(report) == set()
    measured = {finding.assertion: finding.measured for finding in report.findings if finding.group == "layers"}
    assert [measured[f"layers.{graph}.as_shipped"] for graph in ("adapt", "block_0", "block_1", "score")] == [
        0,
        0,
        0,
        0,
    ]
    layers = linear_layers(device_graphs(workshop.checkpoint.model, candidates=1))
    errors = {error.layer: error for error in report.layers}
    assert layers.keys() <= errors.keys()
    assert all(errors[layer].scheme == "int8" for layer in layers)
    # Rounding costs 30 to 60 dB, and explains what it costs but for the bias that LiteRT's converter moves.
    moved = ("extractor.key", "mapper.query") if converter == "litert" else ()
    for layer in layers:
        error = errors[layer]
        assert 30 < (error.own_snr_db or 0) < 70, error
        assert layer.endswith(moved or "nothing") or (error.unexplained_snr_db or 999) > 55, error


def quantised_as(tensor: Any, model: Any, weight: NDArray[np.float32]) -> bool:
    """Whether a tensor of a .tflite file holds a matrix as int8; names are no help where a result is an output."""
    if tuple(tensor.shape) != weight.shape or tensor.quantization is None or tensor.quantization.scale is None:
        return False
    codes = np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.int8).reshape(weight.shape)
    return np.allclose(codes * np.asarray(tensor.quantization.scale)[:, None], weight, atol=0.01)


@dataclass(frozen=True)
class Case:
    """What the layers of a LiteRT file are compared with."""

    checkpoint: Checkpoint
    reference: Reference

    def errors(self, content: bytes) -> tuple[LayerError, ...]:
        converter = get_converter("litert")
        graphs, rounded = (
            device_graphs(model, candidates=25)
            for model in (self.checkpoint.model, fake_quantised(self.checkpoint.model, INT8, converter=converter))
        )
        tapped = [tapped_graph(graph) for graph in graphs]
        runner = converter.load(content, [each.graph.spec for each in tapped])
        found = [
            error
            for graph, each, designed in zip(graphs, tapped, rounded, strict=True)
            for error in run_layers(
                runner,
                each,
                self.reference.inputs[graph.spec.name],
                exact=graph.module,
                rounded=designed.module,
                schemes=dict.fromkeys(linear_layers(graphs), "int8"),
                entry="graphs.tflite",
            ).errors
        ]
        runner.close()
        return worst_first(found)


@pytest.fixture
def case(checkpoint: Checkpoint) -> Case:
    rows = validation_histories(checkpoint, group=0, maximum=20).rows
    graphs = device_graphs(checkpoint.model, candidates=25)
    return Case(checkpoint, run_reference(graphs, rows=rows, table=checkpoint.table(0)))


def test_a_scale_that_is_wrong_in_the_converted_file_is_found_in_its_layer(workshop: Any, case: Case) -> None:
    from ai_edge_litert.tools import flatbuffer_utils

    tapped = [tapped_graph(graph).graph for graph in device_graphs(workshop.checkpoint.model, candidates=25)]
    content = convert_cached(tapped, converter=get_converter("litert"), precision=INT8, store=workshop.store)
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    original = workshop.checkpoint.model.blocks[0].linears["value"].static.weight.numpy()
    (weight,) = [
        tensor for graph in model.subgraphs for tensor in graph.tensors if quantised_as(tensor, model, original)
    ]
    # One output of sixteen, 30 % too large.
    weight.quantization.scale = np.array(weight.quantization.scale, np.float32)
    weight.quantization.scale[3] *= 1.3
    sound = case.errors(content)
    broken = case.errors(bytes(flatbuffer_utils.convert_object_to_bytearray(model)))
    assert broken[0].layer == "block_0.block.linears.value.static"
    (before,) = [error for error in sound if error.layer == broken[0].layer]
    assert (before.unexplained_snr_db or 999) > 55 > 30 > (broken[0].unexplained_snr_db or 999)


def test_layers_of_their_own_precision_stay_what_they_are_when_they_are_looked_at(case: Case) -> None:
    # LiteRT's converter forgets the names of some weights whose results are outputs, and doubles some operations.
    converter, precision = (
        get_converter("litert"),
        parse_precision("int4,adapt.mapper.query=fp32,block_0.block.linears.key=int8"),
    )
    graphs = device_graphs(case.checkpoint.model, candidates=25)[:2]
    outputs = []
    for each in (list(graphs), [tapped_graph(graph).graph for graph in graphs]):
        specs = [graph.spec for graph in each]
        runner = converter.load(converter.convert(each, precision=precision), specs)
        outputs.append(run_graphs(runner, specs, case.reference, entry="graphs.tflite"))
        runner.close()
    plain, tapped = outputs
    for graph in graphs:
        for tensor in graph.spec.outputs:
            np.testing.assert_array_equal(plain[graph.spec.name][tensor.name], tapped[graph.spec.name][tensor.name])
