"""Errors of single graphs: each is fed the reference's inputs, so that errors neither add up nor move.

Conversion error is that of graphs at full precision against PyTorch, quantisation error that of the bundle's own graphs
at their precision, and cross error that of the bundle's graphs against those of the runtime's other converter, which
shares no code with the first: where a graph fails against PyTorch, it says whether graph or converter is to blame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ofa_export.errors import ConfigError
from ofa_export.precision import FP32
from ofa_export.validation.checks.gates import compare_gates
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.deviation import Deviation, deviation
from ofa_export.validation.explained_loss import explained, unless
from ofa_export.validation.finding import Finding, at_least, at_most
from ofa_export.validation.reference import GATES, Reference, Tensors
from ofa_export.validation.tolerance import Limit

PLAIN = {("adapt", "hidden")}
"""Outputs without a normalisation or a long sum on their way: a scaled embedding plus a position."""


def finite_findings(comparison: Comparison) -> Iterator[Finding]:
    """Count the values of the bundle's graphs that are not finite: these fail, whatever they are compared with.

    Args:
        comparison: with a bundle that the target loads.

    Yields:
        `finite.GRAPH.nonfinite_count`.
    """
    for graph, tensors in comparison.outputs.items():
        bad = {name: ~np.isfinite(value) for name, value in tensors.items()}
        where = [
            f"{name} of {comparison.histories.names[int(np.argwhere(mask)[0, 0])]}"
            for name, mask in bad.items()
            if mask.any()
        ]
        yield at_most(
            f"finite.{graph}.nonfinite_count",
            sum(int(mask.sum()) for mask in bad.values()),
            0,
            "count",
            f"Values of the outputs of graph {graph} that are NaN or infinite"
            + (f", the first in {', '.join(where)}." if where else ": none."),
        )


def conversion_findings(comparison: Comparison) -> Iterator[Finding]:
    """Compare graphs at full precision with PyTorch: a quantised bundle's are converted again for it.

    Args:
        comparison: with a bundle that the target loads.

    Yields:
        `conversion.GRAPH.OUTPUT.max_abs_err`; `conversion.gates.*`.

    Raises:
        LoweringError: the converter refused a graph.
        MissingToolError: the converter is not installed.
    """
    policy, converter = comparison.policy, comparison.converter
    outputs = comparison.outputs
    if comparison.limits.graph_snr_db is not None:
        content = comparison.converted(converter, FP32)
        outputs = comparison.outputs_of(converter.load(content, comparison.specs))
    for graph, output, difference in _differences(outputs, comparison.reference.outputs):
        limit = policy.plain_max_abs_err if (graph, output) in PLAIN else policy.normalised_max_abs_err
        worst = comparison.histories.names[int(difference.abs_err.argmax())]
        yield at_most(
            f"conversion.{graph}.{output}.max_abs_err",
            difference.max_abs_err,
            limit.limit,
            "abs",
            f"Output {output} of graph {graph}, converted at full precision, against PyTorch on the same inputs; "
            f"the largest difference is in {worst}.",
        )
    margin = policy.of_precision("fp32").gate_margin.limit
    gates = outputs["adapt"]["gates"]
    yield from compare_gates("conversion.gates", gates, comparison.reference, comparison.histories, margin=margin)


def quantisation_findings(comparison: Comparison) -> Iterator[Finding]:
    """Compare the bundle's graphs with PyTorch at full precision, in the worst history: each history is a user.

    Args:
        comparison: with a bundle that the target loads.

    Yields:
        `quantisation.GRAPH.OUTPUT.snr_db`, or `.max_abs_err` where the reference is zero; nothing where the precision
        is held to the limits of conversion.
    """
    floor = comparison.limits.graph_snr_db
    if floor is None:
        return
    names = comparison.histories.names
    for graph, output, difference in _differences(comparison.outputs, comparison.reference.outputs):
        subject = f"Output {output} of graph {graph} in the bundle against PyTorch on the same inputs"
        if difference.silent:
            yield at_most(
                f"quantisation.{graph}.{output}.max_abs_err",
                difference.max_abs_err,
                comparison.policy.silent_max_abs_err.limit,
                "abs",
                f"{subject}; the reference is zero, so the difference itself is compared.",
            )
            continue
        worst = int(difference.snr_db.argmin())
        status, reason = unless(_precision_explains(comparison, graph, output, difference, floor.limit))
        yield at_least(
            f"quantisation.{graph}.{output}.snr_db",
            float(difference.snr_db[worst]),
            floor.limit,
            "dB",
            f"{subject}; the worst of {len(names)} histories is {names[worst]}, "
            f"with an absolute error of up to {difference.abs_err[worst]:.2e}.{reason}",
            otherwise=status,
        )


def _precision_explains(comparison: Comparison, graph: str, output: str, found: Deviation, floor: float) -> bool:
    if (found.snr_db >= floor).all():
        return False
    expected, predicted = comparison.reference.outputs[graph][output], comparison.predicted_outputs[graph][output]
    return explained(found.snr_db, deviation(expected, predicted).snr_db, floor=floor)


def cross_findings(comparison: Comparison) -> Iterator[Finding]:
    """Compare the bundle's graphs, and their gates, with those of the runtime's other converter at one precision.

    Args:
        comparison: with a bundle that the target loads.

    Yields:
        `cross.GRAPH.OUTPUT.max_abs_err` at full precision, `cross.GRAPH.OUTPUT.snr_db` where weights are quantised;
        `cross.gates.*`; nothing where nobody asked for the other converter.

    Raises:
        ConfigError: the tolerance recipe has no limit for it.
        LoweringError: the other converter refused a graph.
        MissingToolError: the other converter is not installed.
    """
    other = comparison.other
    if other is None:
        return
    content = comparison.converted(other, comparison.recipe.precision)
    outputs = comparison.outputs_of(other.load(content, comparison.specs))
    for graph, output, difference in _differences(comparison.outputs, outputs):
        subject = f"Output {output} of graph {graph} in the bundle against the same graph by {other.name}"
        yield _cross_finding(comparison, f"cross.{graph}.{output}", subject, difference)
    # The other's decisions, with its margins, in the place of PyTorch's.
    as_reference = Reference(inputs=comparison.reference.inputs, outputs=outputs)
    yield from compare_gates(
        "cross.gates",
        comparison.outputs["adapt"]["gates"],
        as_reference,
        comparison.histories,
        margin=comparison.limits.gate_margin.limit,
        other=other.name,
    )


def _cross_finding(comparison: Comparison, name: str, subject: str, difference: Deviation) -> Finding:
    limits, names = comparison.limits, comparison.histories.names
    full_precision = limits.graph_snr_db is None
    if full_precision or difference.silent:
        silent = comparison.policy.silent_max_abs_err
        limit = _given(limits.cross_max_abs_err, "cross_max_abs_err") if full_precision else silent
        worst = names[int(difference.abs_err.argmax())]
        sentence = f"{subject}, on the same inputs; the largest difference is in {worst}."
        return at_most(f"{name}.max_abs_err", difference.max_abs_err, limit.limit, "abs", sentence)
    limit, index = _given(limits.cross_snr_db, "cross_snr_db"), int(difference.snr_db.argmin())
    sentence = (
        f"{subject}, on the same inputs; the worst of {len(names)} histories is {names[index]}, "
        f"with an absolute difference of up to {difference.abs_err[index]:.2e}."
    )
    return at_least(f"{name}.snr_db", float(difference.snr_db[index]), limit.limit, "dB", sentence)


def _given(limit: Limit | None, name: str) -> Limit:
    if limit is None:
        raise ConfigError(
            f"The tolerance recipe has no {name}, which --cross needs: add it under the precision, with limit and why."
        )
    return limit


def _differences(
    outputs: Mapping[str, Tensors], expected: Mapping[str, Tensors]
) -> Iterator[tuple[str, str, Deviation]]:
    """Graph, output and deviation of everything that is a signal; gates are decisions, and compared apart."""
    for graph, tensors in expected.items():
        for output, values in tensors.items():
            if (graph, output) != GATES:
                yield graph, output, deviation(values, outputs[graph][output])
