"""The second LiteRT converter. A conversion takes half a minute, so there are few, and each holds a lot to look at."""

from __future__ import annotations

import dataclasses
import hashlib
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils
from torch import Tensor, nn

from ofa_export.contract import GraphSpec, TensorSpec
from ofa_export.converters.litert.converter import LiteRtConverter
from ofa_export.converters.onnx2tf.converter import Onnx2TfConverter
from ofa_export.errors import LoweringError, MissingToolError
from ofa_export.graphs.device import DeviceGraph, device_graphs
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.precision import FP32

Run = Callable[[DeviceGraph, dict[str, np.ndarray]], dict[str, np.ndarray]]
T, D, LENGTHS = 8, 16, (1, 3, 8)


def model_graphs(prefix: str, **changes: Any) -> tuple[DeviceGraph, ...]:
    """Graphs of a random model under names of their own, so that several models fit into one file."""
    sizes = {"items": 40, "width": D, "depth": 2, "heads": 2, "history_length": T, "rank": 2, "item_groups": 2}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = AdaptiveRecommender(ModelConfig(**(sizes | changes)))
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        model.controller.head_out.weight.normal_(0, 1)
        model.controller.head_out.bias.normal_(0, 0.5)
    named = device_graphs(model, candidates=12)
    return tuple(DeviceGraph(dataclasses.replace(g.spec, name=prefix + g.spec.name), g.module) for g in named)


def inputs_of(graph: DeviceGraph, length: int, seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    inputs: dict[str, np.ndarray] = {
        tensor.name: np.array([length], np.int32)
        if tensor.name == "length"
        else generator.normal(size=tensor.shape).astype(np.float32)
        for tensor in graph.spec.inputs
    }
    for name in inputs.keys() & {"history", "hidden"}:
        inputs[name][:, : T - length] = 0
    return inputs


def reference(graph: DeviceGraph, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    with torch.no_grad():
        outputs = graph.module(*(torch.from_numpy(inputs[tensor.name]) for tensor in graph.spec.inputs))
    return {tensor.name: output.numpy() for tensor, output in zip(graph.spec.outputs, outputs, strict=True)}


@pytest.fixture(scope="module")
def all_graphs() -> tuple[DeviceGraph, ...]:
    """Our backbones, and a capped depth: where L = 2 or T = 8 = d / heads, a layout cannot be told from a shape."""
    adapt, block, _, score = model_graphs("")
    gated = model_graphs("gated_", backbone="gated-convolution")[1]
    recurrent = model_graphs("recurrent_", backbone="linear-recurrent-unit")[1]
    capped = model_graphs("capped_", depth=4, depth_cap=2)[0]
    return adapt, block, score, gated, recurrent, capped


@pytest.fixture(scope="module")
def fp32(all_graphs: tuple[DeviceGraph, ...]) -> bytes:
    return Onnx2TfConverter().convert(all_graphs, precision=FP32)


@pytest.fixture(scope="module")
def int8(converted: Callable[[str, str], bytes]) -> bytes:
    return converted("onnx2tf", "int8")


@pytest.mark.integration
def test_signatures_carry_the_names_of_the_contract(all_graphs, fp32) -> None:
    assert Interpreter(model_content=fp32).get_signature_list() == {
        graph.spec.name: {
            "inputs": sorted(tensor.name for tensor in graph.spec.inputs),
            "outputs": sorted(tensor.name for tensor in graph.spec.outputs),
        }
        for graph in all_graphs
    }


@pytest.mark.integration
def test_fp32_graphs_of_every_kind_agree_with_pytorch(all_graphs, fp32) -> None:
    runner, gates = LiteRtConverter().load(fp32, [graph.spec for graph in all_graphs]), set()
    for graph in all_graphs:
        for seed, length in enumerate(LENGTHS * 4):
            inputs = inputs_of(graph, length, seed)
            found, expected = runner.run(graph.spec.name, inputs), reference(graph, inputs)
            assert found.keys() == expected.keys()
            for name, value in expected.items():
                np.testing.assert_allclose(found[name], value, rtol=0, atol=2e-5, err_msg=f"{graph.spec.name} {name}")
            gates |= {tuple(row) for name, row in expected.items() if name == "gates" for row in row.tolist()}
    # Not all on or all off: comparisons decide.
    assert len(gates) > 3


@pytest.mark.integration
def test_int8_graphs_are_close_to_pytorch(graphs, int8) -> None:
    runner = LiteRtConverter().load(int8, [graph.spec for graph in graphs])
    for graph in graphs:
        for seed, length in enumerate(LENGTHS):
            inputs = inputs_of(graph, length, seed)
            found = runner.run(graph.spec.name, inputs)
            for name, value in reference(graph, inputs).items():
                noise = np.square(found[name] - value).sum() + 1e-30
                quiet = name == "gates" or not value.any()
                assert quiet or 10 * np.log10(np.square(value).sum() / noise) > 25, (graph.spec.name, name)


@pytest.mark.integration
def test_every_weight_of_a_linear_layer_is_int8_and_names_are_short(graphs, int8) -> None:
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(int8))
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    stored = sum(
        len(model.buffers[tensor.buffer].data)
        for tensor in tensors
        if tensor.type == flatbuffer_utils.TensorType.INT8 and model.buffers[tensor.buffer].data is not None
    )
    matrices = sum(
        parameter.numel()
        for graph in graphs
        for name, parameter in graph.module.named_parameters()
        if parameter.dim() == 2 and "position" not in name and "query" not in name
    )
    assert stored >= 0.99 * matrices
    names = [tensor.name.decode() for tensor in tensors]
    assert len(names) == len(set(names))
    assert not any("model_" in name or "tf." in name for name in names)


@pytest.mark.integration
def test_another_process_writes_the_same_bytes_prints_nothing_and_leaves_nothing(
    int8, run_python, tmp_path: Path
) -> None:
    script = textwrap.dedent(
        f"""
        import hashlib, os
        from conftest import tiny_graphs
        from ofa_export.converters.onnx2tf.converter import Onnx2TfConverter
        from ofa_export.precision import INT8
        os.chdir({str(tmp_path)!r})
        print(hashlib.sha256(Onnx2TfConverter().convert(tiny_graphs(), precision=INT8)).hexdigest())
        """
    )
    process = run_python(script, PYTHONHASHSEED="7")
    assert process.stdout == hashlib.sha256(int8).hexdigest() + "\n"
    assert process.stderr == ""
    assert list(tmp_path.iterdir()) == []


class ErrorFunction(nn.Module):
    """ONNX and TensorFlow have erf, LiteRT has not."""

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (torch.erf(x),)


class Undecidable(nn.Module):
    """Takes a branch on a value, which no static graph can."""

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (x if bool(x.sum() > 0) else -x,)


@pytest.mark.integration
@pytest.mark.parametrize(("module", "stage"), [(Undecidable(), "export"), (ErrorFunction(), "lower")])
def test_a_refused_graph_is_named(module: nn.Module, stage: str) -> None:
    x = TensorSpec("x", (1, 3))
    graphs = [DeviceGraph(GraphSpec("odd", (x,), (TensorSpec("y", (1, 3)),)), module), model_graphs("")[-1]]
    with pytest.raises(LoweringError, match=r"onnx2tf: .* failed for graph odd") as caught:
        Onnx2TfConverter().convert(graphs, precision=FP32)
    assert (caught.value.stage, caught.value.graph) == (stage, "odd")


@pytest.mark.parametrize("package", ["onnx2tf", "onnx-graphsurgeon", "tensorflow"])
def test_a_missing_tool_is_named_with_the_command_that_installs_it(package: str, without: Callable[..., None]) -> None:
    without(package)
    sentence = rf'cannot run without {package}, which is not installed. Run: pip install "ofa-export\[onnx2tf\]"'
    with pytest.raises(MissingToolError, match=sentence):
        Onnx2TfConverter().tool_versions()
    with pytest.raises(MissingToolError, match=sentence):
        Onnx2TfConverter().convert((), precision=FP32)
