"""What a graph `step` would save: a linear recurrent block over a whole history against the same block over one event.

    python benchmarks/recurrent_step.py [pytorch] [litert] [executorch]

No bundle has such a graph yet: its state would be another input and output of the tensor contract. Both graphs have the
same weights and run on the same runtime; before anything is timed, the last output of the block has to be that of as
many steps. Processor time of one call, the median of 200; `adapt`, which a session runs once, stands beside it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ofa_export.contract import GraphRunner, GraphSpec, TensorSpec
from ofa_export.converters.registry import get_converter
from ofa_export.graphs.device import DeviceGraph, device_graphs
from ofa_export.model.blocks.linear_recurrent_block import LinearRecurrentBlock
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.precision import parse_precision
from ofa_export.support.processes import one_torch_thread

WIDTH, RANK, CANDIDATES, CALLS = 64, 8, 100, 200
STEP = "step_0"


class StepGraph(nn.Module):
    """One event: what the block gives for it, and the state that the next one starts from.

    Args:
        block: whose weights it has.
    """

    def __init__(self, block: LinearRecurrentBlock) -> None:
        super().__init__()
        self.block = block

    def forward(self, hidden: Tensor, state: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """[1, 1, d], [1, 1, 2n], [1, P] -> hidden [1, 1, d], state [1, 1, 2n]; the state of no events is zero."""
        block = self.block
        parts = block.layout.split(theta)
        real, imaginary = block.linear("state_in", hidden, parts).chunk(2, dim=-1)
        before, before_imaginary = state.chunk(2, dim=-1)
        (a, b), scale = block.eigenvalues(), torch.exp(block.scale_log)
        state = torch.cat(
            [
                scale * real + a * before - b * before_imaginary,
                scale * imaginary + a * before_imaginary + b * before,
            ],
            dim=-1,
        )
        y = block.norm("recurrence_norm", hidden + block.linear("state_out", state, parts), parts)
        inner = F.gelu(block.linear("ffn_in", y, parts))
        return block.norm("ffn_norm", y + block.linear("ffn_out", inner, parts), parts), state


def step_graph(block: LinearRecurrentBlock) -> DeviceGraph:
    """Return the graph of one step, with a contract of its own."""
    d, states, theta = WIDTH, 2 * len(block.decay_log), block.layout.size
    inputs = (TensorSpec("hidden", (1, 1, d)), TensorSpec("state", (1, 1, states)), TensorSpec("theta_0", (1, theta)))
    spec = GraphSpec(STEP, inputs, (TensorSpec("hidden", (1, 1, d)), TensorSpec("state", (1, 1, states))))
    return DeviceGraph(spec, StepGraph(block).eval())


def network(backbone: str, history_length: int) -> AdaptiveRecommender:
    """Draw a network of one block whose generated parameters are not at their zero start."""
    sizes = {"items": 300, "width": WIDTH, "depth": 1, "heads": 2, "rank": RANK, "item_groups": 5}
    torch.manual_seed(0)
    made = AdaptiveRecommender(
        ModelConfig.model_validate({**sizes, "history_length": history_length, "backbone": backbone})
    )
    with torch.no_grad():
        made.mapper.generators[0].out.weight.normal_(0, 0.02)
    return made.eval().requires_grad_(False)


def milliseconds(call: Callable[[], object]) -> float:
    """Processor time of one call, the median."""
    times = []
    for _ in range(CALLS):
        start = time.process_time()
        call()
        times.append(1000 * (time.process_time() - start))
    return statistics.median(times)


class PyTorch:
    """The modules themselves, for a first look without a conversion.

    Args:
        graphs: what to run.
    """

    def __init__(self, graphs: Sequence[DeviceGraph]) -> None:
        self.graphs = {graph.spec.name: graph for graph in graphs}

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run one graph."""
        found = self.graphs[graph]
        outputs = found.module(*(torch.from_numpy(inputs[tensor.name]) for tensor in found.spec.inputs))
        return {tensor.name: value.numpy() for tensor, value in zip(found.spec.outputs, outputs, strict=True)}


def runner_of(graphs: Sequence[DeviceGraph], runtime: str, precision: str) -> GraphRunner | PyTorch:
    """Convert graphs and load them."""
    if runtime == "pytorch":
        return PyTorch(graphs)
    converter = get_converter(runtime)
    content = converter.convert(graphs, precision=parse_precision(precision))
    return converter.load(content, [graph.spec for graph in graphs])


def measure(runtime: str, precision: str, history_length: int) -> None:
    """Print a row of the table."""
    recurrent, transformer = (network(name, history_length) for name in ("linear-recurrent-unit", "transformer"))
    block = recurrent.blocks[0]
    assert isinstance(block, LinearRecurrentBlock)
    graphs = device_graphs(recurrent, candidates=CANDIDATES)
    ours = (graphs[0], graphs[1], step_graph(block))
    theirs = device_graphs(transformer, candidates=CANDIDATES)[1:2]
    runner, other = (runner_of(some, runtime, precision) for some in (ours, theirs))
    rng, length = np.random.default_rng(0), np.array([history_length], np.int32)
    history = rng.normal(size=(1, history_length, WIDTH)).astype(np.float32)
    adapted = runner.run("adapt", {"history": history, "length": length})
    of_block = {"hidden": adapted["hidden"], "length": length, "theta_0": adapted["theta_0"]}
    of_other = of_block | {"theta_0": np.zeros((1, transformer.theta_size), np.float32)}

    of_step = {"state": np.zeros((1, 1, 2 * len(block.decay_log)), np.float32), "theta_0": adapted["theta_0"]}
    last: NDArray[np.float32] = np.empty(0, np.float32)
    for event in np.split(adapted["hidden"], history_length, axis=1):
        last, of_step["state"] = runner.run(STEP, of_step | {"hidden": event}).values()
    error = np.abs(last[0, 0] - runner.run("block_0", of_block)["hidden"][0, -1]).max()
    assert error < (1e-4 if precision == "fp32" else 1e-1), error

    of_step["hidden"] = adapted["hidden"][:, -1:]
    times = (
        milliseconds(lambda: runner.run("adapt", {"history": history, "length": length})),
        milliseconds(lambda: other.run("block_0", of_other)),
        milliseconds(lambda: runner.run("block_0", of_block)),
        milliseconds(lambda: runner.run(STEP, of_step)),
    )
    cells = " | ".join(f"{each:.3f}" for each in times)
    print(f"| {runtime} {precision} | {history_length} | {cells} | {error:.0e} |", flush=True)


def main() -> None:
    """Print the table."""
    print("| runtime | T | `adapt` | transformer block | recurrent block | its step | difference of the last output |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    with one_torch_thread():
        for runtime in sys.argv[1:] or ("pytorch", "litert", "executorch"):
            for precision in ("fp32",) if runtime == "pytorch" else ("fp32", "int8"):
                for history_length in (50, 200):
                    measure(runtime, precision, history_length)


if __name__ == "__main__":
    main()
