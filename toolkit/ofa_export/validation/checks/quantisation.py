"""Quantisation error: the bundle's own graphs against PyTorch, each fed the reference's inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ofa_export.validation.checks.gates import GATES
from ofa_export.validation.deviation import Deviation, deviation
from ofa_export.validation.finding import Finding, at_least, at_most
from ofa_export.validation.histories import ValidationHistories
from ofa_export.validation.reference import Reference, Tensors
from ofa_export.validation.tolerance import Limit, TolerancePolicy


def quantisation_findings(
    outputs: Mapping[str, Tensors],
    reference: Reference,
    histories: ValidationHistories,
    *,
    policy: TolerancePolicy,
    floor: Limit,
) -> Iterator[Finding]:
    """Signal-to-noise ratio of every output in its worst history; gates are decisions, not signals, and compared apart.

    The worst history, not the mean of all: each of them is a user.

    Args:
        outputs: of the bundle's graphs, from `run_graphs`.
        reference: of PyTorch.
        histories: names for what stands out.
        policy: gives the limit where the reference is silent.
        floor: in decibels.

    Yields:
        `quantisation.GRAPH.OUTPUT.snr_db`, or `.max_abs_err` where the reference is zero.
    """
    for graph, tensors in reference.outputs.items():
        for output, expected in tensors.items():
            if (graph, output) != GATES:
                difference = deviation(expected, outputs[graph][output])
                yield from _of_output(
                    graph, output, difference, histories, floor=floor.limit, silent=policy.silent_max_abs_err.limit
                )


def _of_output(
    graph: str, output: str, difference: Deviation, histories: ValidationHistories, *, floor: float, silent: float
) -> Iterator[Finding]:
    subject = f"Output {output} of graph {graph} in the bundle against PyTorch on the same inputs"
    if difference.silent:
        yield at_most(
            f"quantisation.{graph}.{output}.max_abs_err",
            difference.max_abs_err,
            silent,
            "abs",
            f"{subject}; the reference is zero, so the difference itself is compared.",
        )
        return
    worst = int(difference.snr_db.argmin())
    yield at_least(
        f"quantisation.{graph}.{output}.snr_db",
        float(difference.snr_db[worst]),
        floor,
        "dB",
        f"{subject}; the worst of {len(histories)} histories is {histories.names[worst]}, "
        f"with an absolute error of up to {difference.abs_err[worst]:.2e}.",
    )
