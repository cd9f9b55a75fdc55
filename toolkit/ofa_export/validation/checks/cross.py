"""One converter against the other: the same graphs on the same runtime, made by tools that share no code.

Each is compared with PyTorch too; when one of them fails there, this says whether graph or converter is to blame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ofa_export.errors import ConfigError
from ofa_export.validation.checks.gates import GATES, gate_findings
from ofa_export.validation.deviation import Deviation, deviation
from ofa_export.validation.finding import Finding, at_least, at_most
from ofa_export.validation.histories import ValidationHistories
from ofa_export.validation.reference import Reference, Tensors
from ofa_export.validation.tolerance import Limit, PrecisionLimits, TolerancePolicy


def cross_findings(
    own: Mapping[str, Tensors],
    other: Mapping[str, Tensors],
    reference: Reference,
    histories: ValidationHistories,
    *,
    policy: TolerancePolicy,
    limits: PrecisionLimits,
    other_name: str,
) -> Iterator[Finding]:
    """Compare every output of every graph, and the gates, of two conversions at one precision.

    Args:
        own: outputs of the bundle's graphs, from `run_graphs`.
        other: outputs of the other converter's.
        reference: gave both their inputs.
        histories: names for what stands out.
        policy: gives the limit where an output is silent.
        limits: of the precision.
        other_name: name of the other converter.

    Yields:
        `cross.GRAPH.OUTPUT.max_abs_err` at full precision, `cross.GRAPH.OUTPUT.snr_db` where weights are quantised;
        `cross.gates.*`.

    Raises:
        ConfigError: the tolerance recipe has no limit for it.
    """
    for graph, tensors in own.items():
        for output, values in tensors.items():
            if (graph, output) == GATES:
                continue
            subject = f"Output {output} of graph {graph} in the bundle against the same graph by {other_name}"
            difference = deviation(other[graph][output], values)
            yield _finding(f"cross.{graph}.{output}", subject, difference, histories, policy=policy, limits=limits)
    # The other's decisions, with its margins, in the place of PyTorch's.
    as_reference = Reference(inputs=reference.inputs, outputs=other)
    margin = limits.gate_margin.limit
    yield from gate_findings(
        "cross.gates", own["adapt"]["gates"], as_reference, histories, margin=margin, other=other_name
    )


def _finding(
    name: str,
    subject: str,
    difference: Deviation,
    histories: ValidationHistories,
    *,
    policy: TolerancePolicy,
    limits: PrecisionLimits,
) -> Finding:
    full_precision = limits.graph_snr_db is None
    if full_precision or difference.silent:
        limit = _given(limits.cross_max_abs_err, "cross_max_abs_err") if full_precision else policy.silent_max_abs_err
        worst = histories.names[int(difference.abs_err.argmax())]
        sentence = f"{subject}, on the same inputs; the largest difference is in {worst}."
        return at_most(f"{name}.max_abs_err", difference.max_abs_err, limit.limit, "abs", sentence)
    limit, index = _given(limits.cross_snr_db, "cross_snr_db"), int(difference.snr_db.argmin())
    sentence = (
        f"{subject}, on the same inputs; the worst of {len(histories)} histories is {histories.names[index]}, "
        f"with an absolute difference of up to {difference.abs_err[index]:.2e}."
    )
    return at_least(f"{name}.snr_db", float(difference.snr_db[index]), limit.limit, "dB", sentence)


def _given(limit: Limit | None, name: str) -> Limit:
    if limit is None:
        raise ConfigError(
            f"The tolerance recipe has no {name}, which --cross needs: add it under the precision, with limit and why."
        )
    return limit
