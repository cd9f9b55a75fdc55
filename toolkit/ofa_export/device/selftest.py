"""Running the self-test of a bundle on a device, before the bundle is used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ofa_export.bundle.selftest import SelfTest
from ofa_export.bundle.table import ElasticTable
from ofa_export.device.loop import Device
from ofa_export.support.decibels import decibels


@dataclass(frozen=True, kw_only=True)
class FlippedGate:
    """A gate that is not what the reference says.

    Args:
        case: history, counted from 0.
        block: backbone block, counted from 0.
        margin: keep logit minus leave logit of the reference; near 0 means a close decision.
    """

    case: int
    block: int
    margin: float


@dataclass(frozen=True, kw_only=True)
class SelfTestReport:
    """Findings of a self-test.

    Args:
        flipped_gates: gates that differ from the reference; none may.
        score_snr_db: signal-to-noise ratio of the scores of each case, in decibels; infinite where they are equal.
        min_snr_db: what each case must reach.
        wrong_tile_items: rows whose codes are not the expected ones cut to the planes that are present.
    """

    flipped_gates: tuple[FlippedGate, ...]
    score_snr_db: tuple[float, ...]
    min_snr_db: float
    wrong_tile_items: tuple[int, ...]

    @property
    def passed(self) -> bool:
        """True if the bundle may be used on this device."""
        return not self.flipped_gates and not self.wrong_tile_items and min(self.score_snr_db) >= self.min_snr_db


def run_selftest(device: Device) -> SelfTestReport:
    """Compare a device with the reference on the cases that its bundle carries.

    Raises:
        BundleError: a graph does not return what the tensor contract says.
        NumericsError: a graph returned values that are not finite.
    """
    test = device.bundle.selftest
    flipped: list[FlippedGate] = []
    snr_db: list[float] = []
    for case in range(test.cases):
        adaptation = device.adapt_embeddings(test.history(case))
        for block in np.flatnonzero(adaptation.gates != test.gates[case]):
            leave, keep = test.keep_logits[case, block]
            flipped.append(FlippedGate(case=case, block=int(block), margin=float(keep - leave)))
        scores = device.score_embeddings(test.candidates.astype(np.float32))
        snr_db.append(signal_to_noise_db(test.scores[case], scores))
    return SelfTestReport(
        flipped_gates=tuple(flipped),
        score_snr_db=tuple(snr_db),
        min_snr_db=float(device.bundle.manifest.selftest.min_snr_db),
        wrong_tile_items=_wrong_items(test, device.table),
    )


def signal_to_noise_db(reference: NDArray[np.float32], value: NDArray[np.float32]) -> float:
    """Compute 10 log10(sum reference^2 / sum (value - reference)^2), in decibels; infinite when the two are equal."""
    noise = np.square(value.astype(np.float64) - reference).sum()
    return float(decibels(np.square(reference.astype(np.float64)).sum(), noise))


def _wrong_items(test: SelfTest, table: ElasticTable) -> tuple[int, ...]:
    group = np.searchsorted(np.cumsum(table.group_sizes), test.tile_items, side="right")
    absent = 8 - np.repeat(table.planes[group], 8, axis=1).astype(np.uint16)
    expected = (test.tile_codes.astype(np.uint16) >> absent) << absent
    wrong = (table.codes(test.tile_items) != expected).any(axis=1)
    return tuple(test.tile_items[wrong].tolist())
