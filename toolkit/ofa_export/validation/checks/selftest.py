"""The self-test of a bundle: it passes on the target, and it expects what the checkpoint's reference gives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from ofa_export.bundle.selftest import SelfTest
from ofa_export.device.selftest import run_selftest
from ofa_export.errors import NumericsError
from ofa_export.model.exact import in_float64
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.planning.make_selftest import reference_answer
from ofa_export.validation.checks.ranking import ended_early
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.finding import Finding, at_least, at_most


def run_findings(comparison: Comparison) -> Iterator[Finding]:
    """Run the self-test as a phone does before it activates a bundle.

    Args:
        comparison: with sessions that ran to their end.

    Yields:
        `selftest.gates.flipped_count`, `selftest.scores.snr_db`, `selftest.tiles.differing_count`; or
        `finite.session.nonfinite_count` where values that are not finite ended it.
    """
    try:
        report = run_selftest(comparison.device)
    except NumericsError as error:
        yield ended_early(error)
        return
    flips = ", ".join(f"block {gate.block} of case {gate.case} ({gate.margin:+.4f})" for gate in report.flipped_gates)
    yield at_most(
        "selftest.gates.flipped_count",
        len(report.flipped_gates),
        0,
        "count",
        f"Gates that differ from the self-test's, for which a phone refuses the bundle: {flips or 'none'}.",
    )
    yield at_least(
        "selftest.scores.snr_db",
        min(report.score_snr_db),
        report.min_snr_db,
        "dB",
        f"Scores of the worst of {len(report.score_snr_db)} cases against those of the self-test, "
        "with the floor of the manifest.",
    )
    rows = ", ".join(map(str, report.wrong_tile_items[:8]))
    yield at_most(
        "selftest.tiles.differing_count",
        len(report.wrong_tile_items),
        0,
        "count",
        f"Items whose codes in the tiles are not the self-test's, by row: {rows or 'none'}.",
    )


def expectation_findings(comparison: Comparison) -> Iterator[Finding]:
    """Compute the self-test's expected values again from the checkpoint.

    Args:
        comparison: with a bundle that fits its checkpoint.

    Yields:
        `selftest.expected.*`.
    """
    test, limit = comparison.bundle.selftest, comparison.policy.selftest_max_abs_err.limit
    gates, keep_logits, scores = _answers(test, comparison.checkpoint.model)
    yield at_most(
        "selftest.expected.gates.differing_count",
        int(np.count_nonzero(gates != test.gates)),
        0,
        "count",
        f"Expected gates of {test.cases} cases that the checkpoint's reference does not give.",
    )
    for name, given, again in (("keep_logits", test.keep_logits, keep_logits), ("scores", test.scores, scores)):
        last_digit = np.spacing(np.abs(again).astype(np.float32))
        yield at_most(
            f"selftest.expected.{name}.max_abs_err",
            float(np.maximum(np.abs(given - again) - last_digit, 0).max()),
            limit,
            "abs",
            f"Expected {name} of {test.cases} cases against those that the checkpoint's reference gives, beyond the "
            "last digit of float32, in which they are kept.",
        )
    wrong = (comparison.encoded.codes[test.tile_items] != test.tile_codes).any(axis=1)
    yield at_most(
        "selftest.expected.tile_codes.differing_count",
        int(wrong.sum()),
        0,
        "count",
        f"Items, of {len(wrong)}, whose expected codes are not those of the checkpoint's table.",
    )


def _answers(test: SelfTest, model: AdaptiveRecommender) -> Iterator[NDArray[np.float64]]:
    """Gates, keep logits and scores of all cases."""
    exact, candidates = in_float64(model), torch.from_numpy(test.candidates.astype(np.float64))
    histories = (torch.from_numpy(test.history(case).astype(np.float64)) for case in range(test.cases))
    answers = [reference_answer(exact, history, candidates) for history in histories]
    return map(np.concatenate, zip(*answers, strict=True))
