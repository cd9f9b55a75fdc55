"""ExecuTorch bundles on arm64 kernels. Optional: half a gigabyte is fetched, and each process takes half a minute."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import Any

import pytest

from ofa_export.targets.registry import target_names
from ofa_export.validation.reports.report import Report, exit_code

pytestmark = [pytest.mark.android(target="arm64"), pytest.mark.optional]


def ratios(report: Report) -> dict[str, float]:
    """Signal to noise of all outputs, in dB; 100 where nothing but fp32's own rounding is left."""
    found = {finding.assertion: finding.measured for finding in report.findings if finding.unit == "dB"}
    return {assertion: min(measured or 0.0, 100.0) for assertion, measured in found.items()}


@pytest.mark.parametrize(
    ("target", "precision"),
    [*((name, "int8") for name in target_names("arm64")), ("arm64-i8mm", "fp32"), ("arm64-i8mm", "int4")],
)
def test_a_sound_bundle_passes_with_the_numbers_of_the_host(workshop: Any, target: str, precision: str) -> None:
    complete = workshop.complete(converter="executorch", precision=precision)
    host, phone = workshop.report(complete), workshop.report(complete, target=target)
    assert workshop.failed(phone) == set()
    assert (phone.target, exit_code([phone])) == (target, 0)
    assert {"executorch (arm64)", "torch (arm64)", "qemu-aarch64-static"} <= phone.environment.keys()
    assert ratios(phone) == pytest.approx(ratios(host), abs=0.5)


def test_what_it_refuses_to_load_is_a_finding(workshop: Any) -> None:
    sound = workshop.complete(converter="executorch", precision="fp32")
    report = workshop.report(replace(sound, graphs=bytes(sound.graphs[: len(sound.graphs) // 3])), target="arm64-neon")
    assert workshop.failed(report) == {"runtime.loads"}
    sentence = next(finding.sentence for finding in report.findings if finding.assertion == "runtime.loads")
    assert f"ExecuTorch {version('executorch')} for arm64 on cortex-a53" in sentence
