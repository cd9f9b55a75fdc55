"""Gates of the structure controller: decisions that are equal or flipped; a flip counts less the closer the decision.

A threshold that was moved a little flips no gate of a real history. So histories are also mixed, two by two, and the
mixture is bisected until a decision hangs on the last digits of its logits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from ofa_export.contract import GraphRunner
from ofa_export.model.controller import StructureController
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.finding import Finding, at_most, reported
from ofa_export.validation.histories import ValidationHistories
from ofa_export.validation.reference import Reference, Tensors

NAMED = 8
"""Flips that a sentence names before it only counts."""

STEPS = 20
"""Halvings of each mixture: a millionth of the way between two histories."""


def gate_findings(comparison: Comparison) -> Iterator[Finding]:
    """Compare the gates of whole sessions with PyTorch's.

    Args:
        comparison: with sessions that ran to their end.

    Yields:
        `gates.flipped_count`, `gates.undecided_flipped_count`.
    """
    margin = comparison.limits.gate_margin.limit
    gates = comparison.sessions.gates
    flipped = not np.array_equal(gates, comparison.reference.gates)
    yield from compare_gates(
        "gates",
        gates,
        comparison.reference,
        comparison.histories,
        margin=margin,
        predicted=comparison.predicted_outputs["adapt"]["gates"] if flipped else None,
    )


def decision_findings(comparison: Comparison) -> Iterator[Finding]:
    """Check that gates are what the device's own logits say, also where these are as close as can be.

    Args:
        comparison: with a bundle that the target loads.

    Yields:
        `gates.margin.max_abs_err`, which is only reported; `gates.undue_count`.
    """
    yield from compare_decisions(
        comparison.runner,
        comparison.checkpoint.model.controller,
        comparison.reference.inputs["adapt"],
        comparison.outputs["adapt"],
        expected=comparison.reference.outputs["adapt"],
    )


def compare_gates(
    group: str,
    gates: NDArray[np.float32],
    reference: Reference,
    histories: ValidationHistories,
    *,
    margin: float,
    other: str = "PyTorch",
    predicted: NDArray[np.float32] | None = None,
) -> Iterator[Finding]:
    """Count flipped gates, apart for decisions that were clear and decisions that could fall either way.

    A rounding error moves the two logits of a gate a little. Where they differ by less than that, the reference's own
    decision says little, and a flip costs little: training left both ways about equally good (our choice).

    Args:
        group: first parts of the assertions' names.
        gates: what the runtime decided, `[H, L]`.
        reference: what PyTorch decided, and with which margin.
        histories: names of the histories.
        margin: difference of the two logits below which a decision is open.
        other: what the reference is.
        predicted: what PyTorch decides that rounds as the runtime does, `[H, L]`; flips that it has as well are what
            the precision costs, and count as open. None has none.

    Yields:
        `GROUP.flipped_count`, which fails, and `GROUP.undecided_flipped_count`, which warns.
    """
    flipped = gates != reference.gates
    # NaN is not a decision, however close the reference's was.
    undecided = (np.abs(reference.gate_margins) < margin) & np.isfinite(gates)
    costly = np.zeros_like(undecided) if predicted is None else flipped & ~undecided & (gates == predicted)
    undecided |= costly
    rounded = (
        f", {int(costly.sum())} of which PyTorch that rounds as the runtime does flips, too" if costly.any() else ""
    )
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
        f"{int(undecided.sum())} of {decisions}{_named(close, reference, histories)}{rounded}.",
        otherwise="warn",
    )


def compare_decisions(
    runner: GraphRunner, controller: StructureController, inputs: Tensors, outputs: Tensors, *, expected: Tensors
) -> Iterator[Finding]:
    """Decide again on the device's own logits, and say how far these are from the reference's.

    Args:
        runner: the loaded graphs.
        controller: of the reference, for its rule of decision.
        inputs: of `adapt` in the reference, `[H, ...]`.
        outputs: of `adapt` on the device.
        expected: of `adapt` in the reference.

    Yields:
        `gates.margin.max_abs_err`, which is only reported: a gate may flip where its margin is below that;
        `gates.undue_count`.
    """
    moved = np.abs(_margins(outputs["keep_logits"]) - _margins(expected["keep_logits"]))
    yield reported(
        "gates.margin.max_abs_err",
        float(moved.max()),
        "abs",
        f"How far the margin of a gate is from PyTorch's, at most; the median is {np.median(moved):.1e}.",
    )
    close = list(_bisected(runner, inputs, _margins(outputs["keep_logits"])))
    gates = np.concatenate([outputs["gates"], *(found["gates"] for found in close)])
    logits = np.concatenate([outputs["keep_logits"], *(found["keep_logits"] for found in close)])
    due = controller.decide(torch.from_numpy(logits)).numpy()
    wrong = np.argwhere(gates != due)
    first = (
        f"; the first is block {wrong[0, 1]} with a margin of {_margins(logits)[tuple(wrong[0])]:+.6f}"
        if len(wrong)
        else ": all follow"
    )
    yield at_most(
        "gates.undue_count",
        len(wrong),
        0,
        "count",
        f"Gates that do not follow from the device's own logits, of {len(inputs['length'])} histories and of "
        f"{len(close)} mixtures of two, made so that decisions are close{first}.",
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


def _bisected(
    runner: GraphRunner, inputs: Tensors, margins: NDArray[np.float32]
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Run mixtures that close in on the place where a block's decision turns, for every block that has such a place."""
    for block in range(margins.shape[1]):
        pair = _opposed(inputs["length"], margins[:, block])
        if pair is None:
            continue
        length = inputs["length"][pair[0] : pair[0] + 1]
        leave, keep = (inputs["history"][index : index + 1] for index in pair)
        low, high = 0.0, 1.0
        for _ in range(STEPS):
            middle = (low + high) / 2
            history = ((1 - middle) * leave + middle * keep).astype(np.float32)
            found = runner.run("adapt", {"history": history, "length": length})
            yield {name: np.array(found[name]) for name in ("gates", "keep_logits")}
            if _margins(found["keep_logits"])[0, block] > 0:
                high = middle
            else:
                low = middle


def _opposed(length: NDArray[np.int32], margins: NDArray[np.float32]) -> tuple[int, int] | None:
    """Find a history that leaves a block and one of the same length that keeps it, the clearest of each."""
    for each in sorted(set(length.tolist()), reverse=True):
        same = np.flatnonzero(length == each)
        leave, keep = same[margins[same].argmin()], same[margins[same].argmax()]
        if margins[leave] < 0 < margins[keep]:
            return int(leave), int(keep)
    return None


def _margins(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    margins: NDArray[np.float32] = logits[..., 1] - logits[..., 0]
    return margins
