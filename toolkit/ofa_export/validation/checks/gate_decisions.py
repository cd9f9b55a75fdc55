"""Checks that gates follow from the device's own logits, also where these are as close as can be.

A threshold that was moved a little flips no gate of a real history. So histories are mixed, two by two, and the
mixture is bisected until a decision hangs on the last digits of its logits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from ofa_export.converters.protocol import GraphRunner
from ofa_export.model.controller import StructureController
from ofa_export.validation.finding import Finding, at_most, reported
from ofa_export.validation.reference import Tensors

STEPS = 20
"""Halvings of each mixture: a millionth of the way between two histories."""


def decision_findings(
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


def _bisected(
    runner: GraphRunner, inputs: Tensors, margins: NDArray[np.float32]
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Close in on the place where a block's decision turns, with outputs of mixtures, for every block with one."""
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
    """Find a history that leaves a block out and one of the same length that keeps it, the clearest of each."""
    for each in sorted(set(length.tolist()), reverse=True):
        same = np.flatnonzero(length == each)
        leave, keep = same[margins[same].argmin()], same[margins[same].argmax()]
        if margins[leave] < 0 < margins[keep]:
            return int(leave), int(keep)
    return None


def _margins(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    margins: NDArray[np.float32] = logits[..., 1] - logits[..., 0]
    return margins
