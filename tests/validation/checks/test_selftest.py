"""What the made histories of a self-test find on the real runtimes: one defect at a time in sound files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from file_defects import Constants, static
from torch import nn

from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.selftest import SelfTest
from ofa_export.converters.registry import get_converter
from ofa_export.device.loop import Device
from ofa_export.device.selftest import SelfTestReport, run_selftest

pytestmark = pytest.mark.integration

CONVERTERS = ("litert", "executorch")
SURE = 100.0

Change = Callable[[Constants], None]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the network.

    Args:
        broken: breaks it in a converted file.
        shown: which cases can show that, of these expected gates `[S, L]` and lengths `[S]`.
    """

    broken: Change
    shown: Callable[[SelfTest], Any]


def negated(layer: Callable[[Constants], nn.Linear]) -> Change:
    def change(file: Constants) -> None:
        codes = file.codes(layer(file))
        file.replace(codes.tobytes(), (-codes).tobytes())

    return change


def stuck(block: int, logit: float) -> Change:
    """Everybody gets the same gate."""

    def change(file: Constants) -> None:
        bias = file.model.controller.head_out.bias
        changed = bias.clone()
        changed[2 * block + 1] += logit
        file.replace_floats(bias, changed)

    return change


def moved(position: int) -> Change:
    def change(file: Constants) -> None:
        changed = file.model.position.clone()
        changed[position] += torch.tensor([5.0, -5.0]).repeat(changed.shape[1] // 2)
        file.replace_floats(file.model.position, changed)

    return change


def parts() -> Mapping[str, Part]:
    found = {
        "oldest position": Part(broken=moved(0), shown=lambda test: test.lengths == 8),
        "newest position": Part(broken=moved(-1), shown=lambda test: test.lengths > 0),
    }
    for b in (0, 1):
        layers: Mapping[str, Callable[[Constants], nn.Linear]] = {
            "values": lambda file, b=b: static(file.model, b, "value"),
            "outputs": lambda file, b=b: static(file.model, b, "ffn_out"),
            "generated parameters": lambda file, b=b: file.model.mapper.generators[b].out,
        }
        for name, layer in layers.items():
            found[f"{name} of block {b}"] = Part(broken=negated(layer), shown=lambda test, b=b: test.gates[:, b] == 1)
        for gate, logit in (("on", SURE), ("off", -SURE)):
            found[f"gate of block {b} always {gate}"] = Part(
                broken=stuck(b, logit), shown=lambda test, b=b, on=gate == "on": test.gates[:, b] == (0 if on else 1)
            )
    return found


PARTS = parts()


def run(workshop: Any, converter: str, change: Change) -> tuple[SelfTestReport, SelfTest]:
    sound = workshop.complete(converter=converter)
    rules = get_converter(converter).rules
    file = Constants(content=bytearray(sound.graphs), model=workshop.checkpoint.model, rules=rules)
    change(file)
    with Bundle.open(workshop.write(replace(sound, graphs=bytes(file.content)))) as bundle:
        runner = get_converter(converter).load(bundle.graphs, bundle.manifest.shapes.contract())
        with Device(bundle, runner) as device:
            return run_selftest(device), bundle.selftest


def failed_cases(report: SelfTestReport) -> set[int]:
    turned = {gate.case for gate in report.flipped_gates}
    return turned | set(np.flatnonzero(np.array(report.score_snr_db) < report.min_snr_db).tolist())


@pytest.mark.parametrize("converter", CONVERTERS)
def test_a_sound_file_passes(workshop: Any, converter: str) -> None:
    report, test = run(workshop, converter, lambda file: None)
    assert report.passed
    assert test.lengths.tolist() == [1, 4, 8]


@pytest.mark.parametrize("converter", CONVERTERS)
@pytest.mark.parametrize("name", PARTS)
def test_each_broken_part_is_found_by_the_cases_that_show_it(workshop: Any, converter: str, name: str) -> None:
    report, test = run(workshop, converter, PARTS[name].broken)
    shown = set(np.flatnonzero(PARTS[name].shown(test)).tolist())
    assert not report.passed
    assert failed_cases(report)
    if name.startswith("gate"):
        # The mapper reads the logits, so that a gate that stays may have other parameters behind it.
        assert {gate.case for gate in report.flipped_gates} == shown
    else:
        assert failed_cases(report) <= shown
    if "position" in name:
        assert failed_cases(report) == shown
