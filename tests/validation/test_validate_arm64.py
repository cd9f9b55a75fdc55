"""Bundles on arm64 kernels: sound ones pass on every processor, and refusals and crashes are findings."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_inputs import random_inputs
from numpy.typing import NDArray

from ofa_export.contract import GraphSpec
from ofa_export.converters.registry import get_converter
from ofa_export.errors import BundleError, RuntimeFailedError
from ofa_export.graphs.device import device_graphs
from ofa_export.support.content_cache import default_cache_root
from ofa_export.targets.arm64.builds import LITERT
from ofa_export.targets.arm64.cpus import CPUS, Cpu
from ofa_export.targets.arm64.root_folder import ENVIRONMENT, command, root_folder
from ofa_export.targets.process.child_process import ChildProcess
from ofa_export.targets.process.child_runner import ChildRunner
from ofa_export.targets.registry import get_target, target_names
from ofa_export.validation.reports.report import exit_code

pytestmark = pytest.mark.android(target="arm64")

PROCESSORS = target_names("arm64")


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("target", PROCESSORS)
def test_a_sound_bundle_passes_on_every_processor(workshop: Any, target: str, precision: str) -> None:
    report = workshop.report(workshop.complete(converter="litert", precision=precision), target=target)
    assert workshop.failed(report) == set()
    assert (report.target, exit_code([report])) == (target, 0)
    assert {"runtime.loads", "runtime.runs"} <= {finding.assertion for finding in report.findings}
    assert {"ai-edge-litert (arm64)", "qemu-aarch64-static"} <= report.environment.keys()


def contract_of(workshop: Any) -> list[GraphSpec]:
    return [graph.spec for graph in device_graphs(workshop.checkpoint.model, candidates=25)]


def relative_error(found: Mapping[str, NDArray[Any]], expected: Mapping[str, NDArray[Any]]) -> float:
    """Largest difference of an output, in units of its largest value."""
    return max(
        float(np.abs(found[name] - value).max() / max(np.abs(value).max(), 1e-30)) for name, value in expected.items()
    )


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("target", PROCESSORS)
def test_every_processor_computes_what_the_host_computes(workshop: Any, target: str, precision: str) -> None:
    content, contract = workshop.complete(converter="litert", precision=precision).graphs, contract_of(workshop)
    host = get_converter("litert").load(content, contract)
    phone = get_target(target).load(get_converter("litert"), content, contract)
    try:
        for graph in contract:
            inputs = random_inputs(graph)
            assert relative_error(phone.run(graph.name, inputs), host.run(graph.name, inputs)) < 2e-6, graph.name
    finally:
        phone.close()


# Words of instructions: mask and value.
SDOT = ((0xFFE0FC00, 0x4E809400), (0xFFC0F400, 0x4F80E000))
SMMLA = ((0xFFE0FC00, 0x4E80A400),)


def translated(log: Path, *patterns: tuple[int, int]) -> bool:
    """Whether qemu met an instruction of these patterns."""
    words = (int(word, 16) for word in re.findall(r"^0x[0-9a-f]+:  ([0-9a-f]{8}) ", log.read_text(), re.MULTILINE))
    return any(word & mask == value for word in words for mask, value in patterns)


@pytest.mark.parametrize(
    ("cpu", "dot", "matrix"), [(CPUS[0], False, False), (CPUS[1], True, False), (CPUS[2], True, True)]
)
def test_each_processor_runs_the_int8_kernels_that_it_is_there_for(
    workshop: Any, tmp_path: Path, cpu: Cpu, dot: bool, matrix: bool
) -> None:
    graphs, contract = workshop.complete(converter="litert", precision="int8").graphs, contract_of(workshop)
    (tmp_path / "graphs").write_bytes(graphs)
    qemu, *rest = command(LITERT, folder := root_folder(LITERT, default_cache_root()), cpu, str(tmp_path / "graphs"))
    child = ChildProcess(
        [qemu, "-d", "in_asm", "-D", str(tmp_path / "log"), *rest],
        folder=folder,
        environment=ENVIRONMENT,
        runtime="LiteRT",
        time_limit_s=120,
        last_words=str,
    )
    runner = ChildRunner(child, contract, entry="graphs")
    runner.run("adapt", random_inputs(contract[0]))
    runner.close()
    assert translated(tmp_path / "log", *SDOT, *SMMLA) == dot
    assert translated(tmp_path / "log", *SMMLA) == matrix


def children() -> set[int]:
    return {int(pid) for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}


def test_a_process_that_dies_is_a_failure_with_the_graph_and_the_signal(workshop: Any) -> None:
    content, contract = workshop.complete(converter="litert", precision="fp32").graphs, contract_of(workshop)
    before = children()
    runner = get_target("arm64-neon").load(get_converter("litert"), content, contract)
    (pid,) = children() - before
    runner.run("score", random_inputs(contract[-1]))
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(
        RuntimeFailedError, match=r"LiteRT .* on cortex-a53 ended its process while .* score \(SIGKILL\)"
    ):
        runner.run("score", random_inputs(contract[-1]))
    assert pid not in children()
    runner.close()


def test_what_it_refuses_to_load_is_a_finding(workshop: Any) -> None:
    sound = workshop.complete(converter="litert", precision="fp32")
    report = workshop.report(replace(sound, graphs=bytes(sound.graphs[: len(sound.graphs) // 3])), target="arm64-i8mm")
    assert workshop.failed(report) == {"runtime.loads"}
    sentence = next(finding.sentence for finding in report.findings if finding.assertion == "runtime.loads")
    assert "for arm64 on max,sve=off,sme=off failed while it loaded graphs.tflite" in sentence
    assert exit_code([report]) == 4


def test_a_file_of_another_contract_is_refused(workshop: Any) -> None:
    content, contract = workshop.complete(converter="litert", precision="fp32").graphs, contract_of(workshop)
    with pytest.raises(BundleError, match="the contract asks for adapt"):
        get_target("arm64-neon").load(get_converter("litert"), content, contract[:-1])
