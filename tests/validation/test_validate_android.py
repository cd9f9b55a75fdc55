"""Bundles on the phone's own libraries: sound ones pass, and what only those libraries refuse is found."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_defects import FILE_DEFECTS, Constants
from found import assert_found
from graph_inputs import random_inputs
from litert_quantizer import quantizer
from litert_quantizer.qtyping import QuantGranularity, TFLOperationName
from litert_quantizer.recipe_manager import RecipeManager
from numpy.typing import NDArray

from ofa_export.contract import GraphSpec
from ofa_export.converters.registry import get_converter
from ofa_export.errors import BundleError, RuntimeFailedError
from ofa_export.graphs.device import device_graphs
from ofa_export.targets.android.target import AndroidTarget
from ofa_export.validation.reports.report import Report, exit_code

pytestmark = pytest.mark.android


def sentence(report: Report, assertion: str) -> str:
    return next(finding.sentence for finding in report.findings if finding.assertion == assertion)


SMALL = {"zero point of one output moved by one step", "scale of one output of int8 weights off by 1 %"}
BUNDLES = [("litert", "fp32"), ("litert", "int8"), ("executorch", "fp32"), ("executorch", "int8")]


@pytest.mark.parametrize(("converter", "precision"), BUNDLES)
def test_a_sound_bundle_passes_on_the_phone_s_library(workshop: Any, converter: str, precision: str) -> None:
    report = workshop.report(workshop.complete(converter=converter, precision=precision), target="android")
    assert workshop.failed(report) == set()
    assert (report.target, exit_code([report])) == ("android", 0)
    assert {"runtime.loads", "runtime.runs"} <= {finding.assertion for finding in report.findings}
    names = {"litert": "tensorflow-lite (android)", "executorch": "react-native-executorch (android)"}
    assert names[converter] in report.environment


def test_int4_of_litert_is_taken_by_the_phone_s_library_and_no_worse_there(workshop: Any) -> None:
    # Random weights are too much for four bits on any runtime.
    path = workshop.write(workshop.complete(converter="litert", precision="int4"))
    host, phone = workshop.validate(path), workshop.validate(path, target="android")
    assert workshop.failed(phone) == workshop.failed(host)
    assert next(finding for finding in phone.findings if finding.assertion == "runtime.runs").status == "pass"


@pytest.mark.parametrize("converter", ["litert", "executorch"])
def test_small_defects_are_found_on_the_phone_s_library_too(workshop: Any, converter: str) -> None:
    defects = [defect for defect in FILE_DEFECTS if defect.name in SMALL]
    assert len(defects) == len(SMALL)
    sound = workshop.complete(converter=converter)
    for defect in defects:
        file = Constants(
            content=bytearray(sound.graphs), model=workshop.checkpoint.model, rules=get_converter(converter).rules
        )
        defect.change(file)
        assert_found(workshop.report(replace(sound, graphs=bytes(file.content)), target="android"), defect)


def fp32_graphs(workshop: Any, converter: str) -> tuple[bytes, list[GraphSpec]]:
    contract = [graph.spec for graph in device_graphs(workshop.checkpoint.model, candidates=25)]
    return bytes(workshop.complete(converter=converter, precision="fp32").graphs), contract


def noise_db(found: Mapping[str, NDArray[Any]], expected: Mapping[str, NDArray[Any]]) -> float:
    """Signal-to-noise ratio of the worst output."""
    ratios = [
        np.square(value).sum() / max(np.square(found[name] - value).sum(), 1e-30)
        for name, value in expected.items()
        if value.any()
    ]
    return float(10 * np.log10(min(ratios)))


# int8 of LiteRT: its older release rounds activations differently; each is as far from PyTorch as from the other.
@pytest.mark.parametrize(
    ("converter", "precision", "floor_db"),
    [
        ("litert", "fp32", 110),
        ("litert", "int8", 30),
        ("executorch", "fp32", 110),
        ("executorch", "int8", 110),
    ],
)
def test_the_phone_s_library_computes_what_the_host_computes(
    workshop: Any, converter: str, precision: str, floor_db: float
) -> None:
    content = workshop.complete(converter=converter, precision=precision).graphs
    contract = [graph.spec for graph in device_graphs(workshop.checkpoint.model, candidates=25)]
    host = get_converter(converter).load(content, contract)
    phone = AndroidTarget().load(get_converter(converter), content, contract)
    try:
        for graph in contract:
            inputs = random_inputs(graph)
            assert noise_db(phone.run(graph.name, inputs), host.run(graph.name, inputs)) > floor_db, graph.name
    finally:
        phone.close()


def quantised(graphs: bytes, configure: Callable[[RecipeManager], None]) -> bytes:
    manager = RecipeManager()
    configure(manager)
    made = quantizer.Quantizer(graphs, manager.get_quantization_recipe())
    return bytes(made.quantize(enable_progress_bar=False, enable_progress_report=False).quantized_model)


def weight_only_int4(manager: RecipeManager) -> None:
    manager.add_weight_only_config(".*", TFLOperationName.FULLY_CONNECTED, 4)


def blockwise_int4(manager: RecipeManager) -> None:
    # The layers of the toy whose inputs fill blocks of 32.
    layers, blocks = ".*extractor/mix:2.*", QuantGranularity.BLOCKWISE_32
    manager.add_dynamic_config(layers, TFLOperationName.FULLY_CONNECTED, 4, granularity=blocks)


def report_with(workshop: Any, configure: Callable[[RecipeManager], None], **options: Any) -> Report:
    graphs = quantised(fp32_graphs(workshop, "litert")[0], configure)
    report: Report = workshop.report(
        replace(workshop.complete(converter="litert", precision="int8"), graphs=graphs), **options
    )
    return report


def test_what_only_the_phone_s_library_refuses_is_found(workshop: Any) -> None:
    assert "bundle.accepted" not in workshop.failed(report_with(workshop, weight_only_int4))
    report = report_with(workshop, weight_only_int4, target="android")
    assert workshop.failed(report) == {"runtime.loads"}
    assert "TensorFlow Lite 2.16.1 for Android failed while it loaded" in sentence(report, "runtime.loads")
    assert "(DEQUANTIZE) failed to prepare" in sentence(report, "runtime.loads")
    assert exit_code([report]) == 4


def test_what_only_the_phone_s_library_crashes_on_is_found(
    workshop: Any, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "bundle.accepted" not in workshop.failed(report_with(workshop, blockwise_int4))
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()
    report = workshop.validate(tmp_path / "toy.ofab", target="android")
    assert workshop.failed(report) == {"bundle.graphs.differing_bytes", "runtime.runs"}
    assert "ended its process while it ran graph adapt" in sentence(report, "runtime.runs")
    assert "SIGSEGV in [libtensorflowlite_jni.so" in sentence(report, "runtime.runs")
    assert exit_code([report]) == 4
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["toy.ofab"]


def children() -> set[int]:
    return {int(pid) for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}


def test_a_library_that_hangs_is_stopped_at_the_time_limit(workshop: Any) -> None:
    content, contract = fp32_graphs(workshop, "litert")
    before = children()
    runner = AndroidTarget(time_limit_s=5).load(get_converter("litert"), content, contract)
    (pid,) = children() - before
    runner.run("score", random_inputs(contract[-1]))
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)
    with pytest.raises(RuntimeFailedError, match="did not answer within 5 seconds while it ran graph score"):
        runner.run("score", random_inputs(contract[-1]))
    assert pid not in children()
    runner.close()


@pytest.mark.parametrize("converter", ["litert", "executorch"])
def test_what_is_no_file_of_the_runtime_is_refused(workshop: Any, converter: str) -> None:
    content, contract = fp32_graphs(workshop, converter)
    for damaged in (b"no such file", content[: len(content) // 3]):
        with pytest.raises(RuntimeFailedError, match="while it loaded"):
            AndroidTarget().load(get_converter(converter), damaged, contract)
    with pytest.raises(BundleError, match="the contract asks for adapt"):
        AndroidTarget().load(get_converter(converter), content, contract[:-1])
