"""Conversion error: graphs at full precision on a runtime against the same graphs in PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ofa_export.validation.checks.gates import GATES, gate_findings
from ofa_export.validation.deviation import deviation
from ofa_export.validation.finding import Finding, at_most
from ofa_export.validation.histories import ValidationHistories
from ofa_export.validation.reference import Reference, Tensors
from ofa_export.validation.tolerance import TolerancePolicy

PLAIN = {("adapt", "hidden")}
"""Outputs without a normalisation or a long sum on their way: a scaled embedding plus a position."""


def conversion_findings(
    outputs: Mapping[str, Tensors],
    reference: Reference,
    histories: ValidationHistories,
    *,
    policy: TolerancePolicy,
) -> Iterator[Finding]:
    """Largest absolute error of every output, and gate agreement.

    Args:
        outputs: of the graphs at full precision, from `run_graphs`.
        reference: of PyTorch.
        histories: names for what stands out.
        policy: the limits.

    Yields:
        `conversion.GRAPH.OUTPUT.max_abs_err`; `conversion.gates.*`.
    """
    for graph, tensors in reference.outputs.items():
        for output, expected in tensors.items():
            if (graph, output) == GATES:
                continue
            difference = deviation(expected, outputs[graph][output])
            limit = policy.plain_max_abs_err if (graph, output) in PLAIN else policy.normalised_max_abs_err
            worst = histories.names[int(difference.abs_err.argmax())]
            yield at_most(
                f"conversion.{graph}.{output}.max_abs_err",
                difference.max_abs_err,
                limit.limit,
                "abs",
                f"Output {output} of graph {graph}, converted at full precision, against PyTorch on the same inputs; "
                f"the largest difference is in {worst}.",
            )
    margin = policy.of_precision("fp32").gate_margin.limit
    yield from gate_findings("conversion.gates", outputs["adapt"]["gates"], reference, histories, margin=margin)
