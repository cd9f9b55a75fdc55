"""The real converters: sound bundles pass for both runtimes, and damage is found through them too."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from ai_edge_litert.schema_py_generated import BuiltinOperator
from ai_edge_litert.tools import flatbuffer_utils

from ofa_export.model.network import AdaptiveRecommender
from ofa_export.validation.reports.report import exit_code

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("converter", "precision"), [("litert", "fp32"), ("litert", "int8"), ("executorch", "int8")])
def test_a_sound_bundle_of_a_real_runtime_passes(workshop: Any, converter: str, precision: str) -> None:
    report = workshop.report(workshop.complete(converter=converter, precision=precision))
    assert workshop.failed(report) == set()
    assert exit_code([report]) == 0
    assert report.environment["torch"]


def test_a_damaged_generator_is_blamed_alone_on_a_real_runtime(workshop: Any) -> None:
    def scale_generator(model: AdaptiveRecommender) -> None:
        model.mapper.generators[1].out.weight.mul_(1.3)

    failed = workshop.failed(workshop.with_model(scale_generator, converter="litert"))
    assert {name for name in failed if name.startswith("quantisation.")} == {"quantisation.adapt.theta_1.snr_db"}
    assert not any(name.startswith("conversion.") for name in failed)


@pytest.mark.parametrize("converter", ["litert", "executorch"])
def test_bytes_after_the_graphs_are_found(workshop: Any, converter: str) -> None:
    contents = workshop.complete(converter=converter)
    report = workshop.report(replace(contents, graphs=bytes(contents.graphs) + bytes(16)))
    (found,) = (each for each in report.findings if each.status == "fail")
    assert found.assertion == "bundle.graphs.differing_bytes"
    assert "16 bytes follow the end of the graphs" in found.sentence


def test_an_operator_version_that_only_the_host_loads_fails_on_the_host(workshop: Any) -> None:
    contents = workshop.complete(converter="litert")
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(contents.graphs))
    for code in model.operatorCodes:
        if code.builtinCode == BuiltinOperator.FULLY_CONNECTED:
            code.version = 12
    graphs = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    report = workshop.report(replace(contents, graphs=graphs))
    failed = {each.assertion: each.sentence for each in report.findings if each.status == "fail"}
    assert set(failed) == {"bundle.operators.unloadable_count", "bundle.graphs.differing_bytes"}
    assert (
        "litert 2.16.1, which the bundle names, does not load on a phone: FULLY_CONNECTED in version 12 "
        "(TensorFlow Lite 2.17.0 is the first that loads it)" in failed["bundle.operators.unloadable_count"]
    )


def test_validating_imports_no_converter(workshop: Any) -> None:
    # They take longer to import than a bundle takes to be validated, once its conversion is in the cache.
    path = workshop.write(workshop.complete(converter="litert", precision="fp32"))
    code = f"""
import sys
from pathlib import Path
from ofa_export.support.content_cache import ContentCache
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.support.recipes import load_recipe
from ofa_export.validation.tolerance import TolerancePolicy
from ofa_export.validation.validate import validate
report = validate(
    Path({str(path)!r}),
    load_checkpoint(Path({str(workshop.checkpoint_folder)!r})),
    tolerance=load_recipe("tolerance", "default", TolerancePolicy),
    store=ContentCache(Path({str(workshop.store.root)!r})),
)
assert report.passed, report.status
loaded = {{"litert_torch", "litert_quantizer", "executorch", "torchao", "tensorflow"}} & set(sys.modules)
assert not loaded, loaded
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
