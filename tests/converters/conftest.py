"""A tiny model's device graphs, and both converters' files of them, made once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ofa_export.converters.registry import get_converter
from ofa_export.graphs.device import DeviceGraph, device_graphs
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.precision import parse_precision

Convert = Callable[[str, str], bytes]
RunPython = Callable[..., subprocess.CompletedProcess[str]]


def tiny_graphs(*, seed: int = 0, width: int = 16, rank: int = 2) -> tuple[DeviceGraph, ...]:
    """Graphs of a random model whose generators are not at their zero start."""
    config = ModelConfig(items=40, width=width, depth=2, heads=2, history_length=8, rank=rank, item_groups=2)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = AdaptiveRecommender(config)
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return device_graphs(model, candidates=12)


@pytest.fixture(scope="session")
def graphs() -> tuple[DeviceGraph, ...]:
    return tiny_graphs()


@pytest.fixture(scope="session")
def make_graphs() -> Callable[..., tuple[DeviceGraph, ...]]:
    return tiny_graphs


@pytest.fixture(scope="session")
def converted(graphs: tuple[DeviceGraph, ...]) -> Convert:
    """The file of the tiny graphs for a converter and a precision; each is converted once."""
    files: dict[tuple[str, str], bytes] = {}

    def convert(converter: str, precision: str) -> bytes:
        if (converter, precision) not in files:
            files[converter, precision] = get_converter(converter).convert(graphs, precision=parse_precision(precision))
        return files[converter, precision]

    return convert


@pytest.fixture(scope="session")
def run_python() -> RunPython:
    """Runs a script in a new process that can import `tiny_graphs` from here; its output is captured."""

    def run(script: str, *, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", script],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)} | environment,
            check=check,
            capture_output=True,
            text=True,
        )

    return run
