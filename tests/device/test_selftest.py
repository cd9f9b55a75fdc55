from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.tile_order import floor_tiles
from ofa_export.device.loop import Device
from ofa_export.device.selftest import run_selftest, signal_to_noise_db


class _Noisy:
    """The toy network with one output scaled."""

    def __init__(self, network: Any, output: str, factor: float) -> None:
        self.network, self.output, self.factor = network, output, factor

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        outputs: dict[str, NDArray[Any]] = self.network.run(graph, inputs)
        return {name: value * self.factor if name == self.output else value for name, value in outputs.items()}

    def close(self) -> None:
        pass


def test_a_good_device_passes_with_any_prefix_of_the_tiles(bundle_path: Path, network: Any) -> None:
    with Bundle.open(bundle_path) as bundle:
        for tiles in (floor_tiles(bundle.table.order), 10, 47, 48):
            device = Device(bundle, network)
            device.use_table(bundle.table.with_tiles(tiles))
            report = run_selftest(device)
            assert report.passed
            assert len(report.score_snr_db) == 3
            assert min(report.score_snr_db) > 100


def test_noise_fails_at_its_decibels(bundle_path: Path, network: Any) -> None:
    with Bundle.open(bundle_path) as bundle:
        report = run_selftest(Device(bundle, _Noisy(network, "scores", 1.01)))
    assert not report.passed
    assert report.score_snr_db == pytest.approx([40.0] * 3, abs=0.01)
    assert not report.flipped_gates


def test_a_flipped_gate_is_named_with_its_margin(bundle_path: Path, network: Any) -> None:
    with Bundle.open(bundle_path) as bundle:
        report = run_selftest(Device(bundle, _Noisy(network, "gates", 0.0)))
        expected = bundle.selftest
    assert not report.passed
    assert {(gate.case, gate.block) for gate in report.flipped_gates} == set(
        zip(*np.nonzero(expected.gates), strict=True)
    )
    assert all(gate.margin > 0 for gate in report.flipped_gates)


def test_codes_that_were_changed_are_named(bundle_path: Path, network: Any) -> None:
    with Bundle.open(bundle_path) as bundle:
        changed = bundle.selftest.tile_codes.copy()
        changed[1, 5] ^= 0x80
        bundle.selftest = replace(bundle.selftest, tile_codes=changed)
        report = run_selftest(Device(bundle, network))
    assert report.wrong_tile_items == (11,)
    assert not report.passed


def test_decibels() -> None:
    one = np.ones(4, np.float32)
    assert signal_to_noise_db(one, one) == math.inf
    assert signal_to_noise_db(one, one * np.float32(0.9)) == pytest.approx(20, abs=1e-4)
    assert signal_to_noise_db(one * 0, one) == -math.inf
