"""Gate agreement: a gate is a decision, equal or flipped; how close the decision was says what a flip means."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ofa_export.validation.finding import Finding, at_most
from ofa_export.validation.histories import ValidationHistories
from ofa_export.validation.reference import Reference

GATES = ("adapt", "gates")
"""The output that is compared here and nowhere else."""

NAMED = 8
"""Flips that a sentence names before it only counts."""


def gate_findings(
    group: str,
    gates: NDArray[np.float32],
    reference: Reference,
    histories: ValidationHistories,
    *,
    margin: float,
    other: str = "PyTorch",
) -> Iterator[Finding]:
    """Count flipped gates, apart for decisions that were clear and decisions that could fall either way.

    A rounding error moves the two logits of a gate a little. Where they differ by less than that, the reference's own
    decision says little, and a flip costs little: training left both ways about equally good (our choice).

    Args:
        group: first parts of the assertions' names.
        gates: what the runtime decided, `[H, L]`.
        reference: what PyTorch decided, and with which margin.
        histories: names of the histories.
        margin: difference of the logits below which a decision is open.
        other: what the reference is.

    Yields:
        `GROUP.flipped_count`, which fails, and `GROUP.undecided_flipped_count`, which warns.
    """
    flipped = gates != reference.gates
    # NaN is not a decision, however close the reference's was.
    undecided = (np.abs(reference.gate_margins) < margin) & np.isfinite(gates)
    decisions = f"{flipped.shape[0]} histories x {flipped.shape[1]} blocks"
    clear = np.argwhere(flipped & ~undecided)
    yield at_most(
        f"{group}.flipped_count",
        len(clear),
        0,
        "count",
        f"Gates of {decisions} against {other}{_named(clear, reference, histories)}.",
    )
    close = np.argwhere(flipped & undecided)
    yield at_most(
        f"{group}.undecided_flipped_count",
        len(close),
        0,
        "count",
        f"Gates whose logits differ by less than {margin:g} in the reference, "
        f"{int(undecided.sum())} of {decisions}{_named(close, reference, histories)}.",
        otherwise="warn",
    )


def _named(flips: NDArray[np.intp], reference: Reference, histories: ValidationHistories) -> str:
    if not len(flips):
        return ": none is flipped"
    texts = [
        f"block {block} of {histories.names[history]} (margin {reference.gate_margins[history, block]:+.4f})"
        for history, block in flips[:NAMED]
    ]
    more = f" and {len(flips) - NAMED} more" if len(flips) > NAMED else ""
    return f"; flipped: {', '.join(texts)}{more}"
