"""What must hold for every converter: numbers, sizes, determinism, silence and refusals."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import textwrap
import time
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ofa_export.contract import GraphSpec, TensorSpec, block_name, theta_name
from ofa_export.converters.conversion import convert_cached
from ofa_export.converters.registry import get_converter
from ofa_export.errors import BundleError, ConfigError, LoweringError, UnknownNameError
from ofa_export.graphs.device import DeviceGraph
from ofa_export.precision import FP32, INT8
from ofa_export.support.content_cache import ContentCache

pytestmark = pytest.mark.integration
CONVERTERS = ("litert", "executorch")


class Reference:
    """The modules themselves as a runner."""

    def __init__(self, graphs: tuple[DeviceGraph, ...]) -> None:
        self._graphs = {graph.spec.name: graph for graph in graphs}

    def run(self, graph: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        spec, module = self._graphs[graph].spec, self._graphs[graph].module
        with torch.no_grad():
            outputs = module(*(torch.from_numpy(inputs[tensor.name]) for tensor in spec.inputs))
        return {tensor.name: output.numpy() for tensor, output in zip(spec.outputs, outputs, strict=True)}


def feeds(graphs: tuple[DeviceGraph, ...], *, length: int) -> dict[str, dict[str, np.ndarray]]:
    """Inputs of every graph for one history: what the reference computes up to that graph."""
    generator = np.random.default_rng(length)
    reference = Reference(graphs)
    shapes = {tensor.name: tensor.shape for graph in graphs for tensor in graph.spec.inputs}
    history = generator.normal(size=shapes["history"]).astype(np.float32)
    history[:, : history.shape[1] - length] = 0
    lengths = np.array([length], np.int32)
    found: dict[str, dict[str, np.ndarray]] = {"adapt": {"history": history, "length": lengths}}
    adapted = reference.run("adapt", found["adapt"])
    hidden = adapted["hidden"]
    for index in range(len(graphs) - 2):
        name, theta = block_name(index), theta_name(index)
        found[name] = {"hidden": hidden, "length": lengths, theta: adapted[theta]}
        hidden = reference.run(name, found[name])["hidden"]
    candidates = generator.normal(size=shapes["candidates"]).astype(np.float32)
    return found | {"score": {"hidden": hidden, "candidates": candidates}}


@pytest.fixture(params=CONVERTERS)
def converter(request):
    return get_converter(request.param)


@pytest.mark.parametrize("length", [1, 3, 8])
def test_fp32_graphs_agree_with_pytorch(converter, graphs, converted, length: int) -> None:
    runner = converter.load(converted(converter.name, "fp32"), [graph.spec for graph in graphs])
    for name, inputs in feeds(graphs, length=length).items():
        expected = Reference(graphs).run(name, inputs)
        found = runner.run(name, inputs)
        assert found.keys() == expected.keys()
        for tensor, value in expected.items():
            np.testing.assert_allclose(found[tensor], value, rtol=0, atol=1e-5, err_msg=f"{name} {tensor}")


@pytest.mark.parametrize("length", [1, 8])
def test_int8_graphs_are_close_to_pytorch(converter, graphs, converted, length: int) -> None:
    runner = converter.load(converted(converter.name, "int8"), [graph.spec for graph in graphs])
    for name, inputs in feeds(graphs, length=length).items():
        found = runner.run(name, inputs)
        for tensor, value in Reference(graphs).run(name, inputs).items():
            noise = np.square(found[tensor] - value).sum() + 1e-30
            assert 10 * np.log10(np.square(value).sum() / noise) > 30 or not value.any(), (name, tensor)


def test_int8_is_stored_as_int8(converter, make_graphs) -> None:
    # Wide enough that weights outweigh the description of the graph.
    wide = make_graphs(width=64, rank=8)[:1]
    weights = sum(parameter.numel() for parameter in wide[0].module.parameters())
    assert 4 * weights < len(converter.convert(wide, precision=FP32))
    assert len(converter.convert(wide, precision=INT8)) < 1.35 * weights


def test_outputs_belong_to_the_caller(converter, graphs, converted) -> None:
    runner = converter.load(memoryview(converted(converter.name, "fp32")), [graph.spec for graph in graphs])
    first = runner.run("adapt", feeds(graphs, length=1)["adapt"])
    kept = {name: value.copy() for name, value in first.items()}
    runner.run("adapt", feeds(graphs, length=8)["adapt"])
    for name, value in kept.items():
        np.testing.assert_array_equal(first[name], value)


def test_read_only_inputs_are_fine(converter, graphs, converted) -> None:
    runner = converter.load(converted(converter.name, "fp32"), [graph.spec for graph in graphs])
    inputs = feeds(graphs, length=3)["adapt"]
    inputs["history"].flags.writeable = False
    runner.run("adapt", inputs)


def test_a_closed_runner_an_unknown_graph_and_wrong_inputs_are_refused(converter, graphs, converted) -> None:
    runner = converter.load(converted(converter.name, "fp32"), [graph.spec for graph in graphs])
    inputs = feeds(graphs, length=3)["adapt"]
    with pytest.raises(UnknownNameError, match="block_0"):
        runner.run("block_9", inputs)
    with pytest.raises(ConfigError, match="history"):
        runner.run("adapt", inputs | {"history": inputs["history"][:, 1:]})
    runner.close()
    with pytest.raises(ConfigError, match="adapt"):
        runner.run("adapt", inputs)


@pytest.mark.parametrize("seed", range(6))
def test_damaged_files_are_refused(converter, graphs, converted, seed: int) -> None:
    generator = random.Random(seed)
    whole = converted(converter.name, "int8")
    damaged = [b"", generator.randbytes(5000), whole[:4], whole[: generator.randrange(len(whole) // 2)]]
    for content in damaged:
        with pytest.raises(BundleError) as caught:
            converter.load(content, [graph.spec for graph in graphs])
        assert caught.value.entry == converter.entry_name


def test_a_file_of_another_contract_is_refused(converter, graphs, converted) -> None:
    content = converted(converter.name, "fp32")
    contract = [graph.spec for graph in graphs]
    with pytest.raises(BundleError, match="score"):
        converter.load(content, contract[:-1])
    wider = dataclasses.replace(contract[-1], outputs=(TensorSpec("scores", (1, 13)),))
    with pytest.raises(BundleError, match=r"\[1, 12\], the contract asks for float32 \[1, 13\]"):
        converter.load(content, [*contract[:-1], wider])


class Undecidable(nn.Module):
    """Takes a branch on a value, which no static graph can."""

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (x if bool(x.sum() > 0) else -x,)


def test_a_refused_graph_is_named(converter, graphs) -> None:
    x = TensorSpec("x", (1, 3))
    undecidable = DeviceGraph(GraphSpec("branching", (x,), (TensorSpec("y", (1, 3)),)), Undecidable())
    with pytest.raises(LoweringError, match="graph branching") as caught:
        converter.convert((graphs[-1], undecidable), precision=FP32)
    assert (caught.value.converter, caught.value.graph) == (converter.name, "branching")


@pytest.mark.parametrize("name", CONVERTERS)
@pytest.mark.parametrize("precision", ["int8"])
def test_another_process_writes_the_same_bytes_and_prints_nothing(name, precision, converted, run_python) -> None:
    script = textwrap.dedent(
        f"""
        import hashlib, sys
        from conftest import tiny_graphs
        from ofa_export.converters.registry import get_converter
        from ofa_export.precision import parse_precision
        converter, graphs = get_converter({name!r}), tiny_graphs()
        content = converter.convert(graphs, precision=parse_precision({precision!r}))
        converter.load(content, [graph.spec for graph in graphs])
        print(hashlib.sha256(content).hexdigest())
        """
    )
    process = run_python(script, PYTHONHASHSEED="7")
    assert process.stdout == hashlib.sha256(converted(name, precision)).hexdigest() + "\n"
    assert process.stderr == ""


def test_a_cached_conversion_takes_a_tenth_of_the_time(converter, graphs, tmp_path) -> None:
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        convert_cached(graphs, converter=converter, precision=FP32, store=ContentCache(tmp_path))
        seconds.append(time.perf_counter() - started)
    assert seconds[1] < 0.1 * seconds[0]
