"""Validation of a bundle on a target against the PyTorch reference of its checkpoint: the checks and the report.

The checks ask in order: is it this checkpoint's, is its table the checkpoint's, what did conversion cost, what did
quantisation cost, do the gates agree, how do whole sessions rank, does its self-test pass. The bundle's own graphs run
on the target; the conversions that they are compared with run in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from ofa_export.bundle.reader import Bundle
from ofa_export.errors import BundleError, RuntimeFailedError
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.processes import one_torch_thread
from ofa_export.support.recipes import load_recipe
from ofa_export.targets.registry import get_target
from ofa_export.validation.checks import (
    bundle as claims,
)
from ofa_export.validation.checks import (
    gates,
    graphs,
    ranking,
    rebuilt,
    rounding,
    runtime,
    selftest,
    small_inputs,
    sweep,
    table,
    weight_scales,
)
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.finding import Finding
from ofa_export.validation.layers import findings as layer_findings
from ofa_export.validation.layers.layer_error import worst_first
from ofa_export.validation.layers.measure_attribution import measure_attribution
from ofa_export.validation.reports import fields
from ofa_export.validation.reports.coverage import coverage
from ofa_export.validation.reports.expected_quality import expected_quality
from ofa_export.validation.reports.report import Report
from ofa_export.validation.sessions import latencies, score_sample
from ofa_export.validation.tolerance import TolerancePolicy


@dataclass(frozen=True)
class Check:
    """One row of the list of checks.

    Args:
        name: for other rows that need it.
        findings: compares, and yields the findings.
        needs: the check without which this one would mean nothing: it is left out when that one failed or was left out.
    """

    name: str
    findings: Callable[[Comparison], Iterator[Finding]]
    needs: str | None = None


CHECKS = (
    Check("size", claims.size_findings),
    Check("checkpoint", claims.checkpoint_findings),
    Check("contract", claims.contract_findings, needs="checkpoint"),
    Check("items", claims.item_findings, needs="contract"),
    Check("tiles", rebuilt.tile_findings, needs="contract"),
    Check("load", runtime.load_findings, needs="contract"),
    Check("operators", runtime.operator_findings, needs="load"),
    Check("table", table.table_findings, needs="load"),
    Check("quality", claims.quality_findings, needs="load"),
    Check("manifest", rebuilt.manifest_findings, needs="load"),
    Check("self-test settings", rebuilt.selftest_findings, needs="load"),
    Check("entries", rebuilt.entry_findings, needs="load"),
    Check("finite", graphs.finite_findings, needs="load"),
    Check("gate decisions", gates.decision_findings, needs="load"),
    Check("rounding", rounding.rounding_findings, needs="load"),
    Check("weight scales", weight_scales.scale_findings, needs="load"),
    Check("small inputs", small_inputs.small_input_findings, needs="load"),
    Check("sweep", sweep.sweep_findings, needs="load"),
    Check("cross", graphs.cross_findings, needs="load"),
    Check("conversion", graphs.conversion_findings, needs="load"),
    Check("quantisation", graphs.quantisation_findings, needs="load"),
    Check("sessions", ranking.session_findings, needs="load"),
    Check("gates", gates.gate_findings, needs="sessions"),
    Check("scores", ranking.score_findings, needs="sessions"),
    Check("ranking", ranking.ranking_findings, needs="sessions"),
    Check("kept quality", ranking.kept_findings, needs="contract"),
    Check("self-test", selftest.run_findings, needs="sessions"),
    Check("self-test answers", selftest.expectation_findings, needs="load"),
)

LAYER_CHECKS = (
    Check("layers", layer_findings.as_shipped_findings, needs="load"),
    Check("unexplained", layer_findings.unexplained_findings, needs="load"),
)
"""Of `validate --layers`, after the others."""


def validate(
    bundle: Path | str | Bundle,
    checkpoint: Checkpoint | Path | str,
    *,
    target: str = "host",
    tolerance: TolerancePolicy | Path | str = "default",
    cross: bool = False,
    layers: bool = False,
    attribute: bool = False,
    store: ContentCache | None = None,
) -> Report:
    """Compare a bundle with the checkpoint that it was made from.

    Args:
        bundle: the file, or an open bundle; what is wrong with it is a finding, not an error.
        checkpoint: the folder, or a checkpoint.
        target: where the bundle's graphs run: "host", "android", or one of the names that begin with "arm64-".
        tolerance: the limits, or the name or path of their recipe.
        cross: whether the bundle's graphs are also compared with those that the runtime's other converter makes of the
            same checkpoint.
        layers: whether the error of every layer is measured, too.
        attribute: whether it is measured, too, which layer costs how much NDCG@10, and what brings it back.
        store: keeps conversions and attributions; None for the user's cache.

    Returns:
        The report, whose `passed` is False when anything is out of tolerance. The same inputs and tool versions give
        the same report, but for its times.

    Raises:
        UnknownNameError: there is no such target or recipe; the recipe has no limits for the bundle's precision.
        ConfigError: a file or recipe cannot be read; `cross`, and the runtime has one converter only or the recipe no
            limit; `attribute`, and the checkpoint has fewer than two validation histories; the target does not run on
            this computer.
        CheckpointError: the checkpoint cannot be trusted.
        LoweringError: the converter, or the other one, refused the checkpoint's graphs.
        MissingToolError: a converter, or a tool of the target, is not installed.
    """
    chosen = get_target(target)
    policy = tolerance
    if not isinstance(policy, TolerancePolicy):
        policy = load_recipe("tolerance", str(policy), TolerancePolicy)
    reference = checkpoint if isinstance(checkpoint, Checkpoint) else load_checkpoint(Path(checkpoint))
    with one_torch_thread(), ExitStack() as stack:
        try:
            opened = bundle if isinstance(bundle, Bundle) else stack.enter_context(Bundle.open(bundle))
            comparison = stack.enter_context(
                Comparison.of(
                    opened, reference, target=chosen, policy=policy, store=store or ContentCache(), cross=cross
                )
            )
        except BundleError as error:
            return Report(
                bundle=_name(bundle),
                subject=None,
                target=target,
                checkpoint_sha256=reference.sha256,
                tolerance=policy.description,
                environment=fields.environment(chosen),
                findings=(claims.accepted_finding(str(error)),),
            )
        outcome = run_checks(comparison, (*CHECKS, *LAYER_CHECKS) if layers else CHECKS)
        return _report(comparison, outcome, name=_name(bundle), attribute=attribute)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of the checks of one comparison.

    Args:
        findings: in the order of the checks.
        finished: names of the checks that ran to their end.
        held: those of them in which nothing failed.
    """

    findings: tuple[Finding, ...]
    finished: frozenset[str]
    held: frozenset[str]


def run_checks(comparison: Comparison, checks: Iterable[Check]) -> Outcome:
    """Run checks one after the other, but for those that need one that did not hold.

    A bundle that turns out not to be one has no other finding than that. A target that fails ends the list.

    Args:
        comparison: of a bundle and its checkpoint.
        checks: in order.
    """
    findings, finished, held = [claims.accepted_finding(None)], set[str](), set[str]()
    try:
        for check in checks:
            if check.needs is None or check.needs in held:
                before = len(findings)
                # One by one, so that those before a failure of the target are kept.
                for finding in check.findings(comparison):
                    findings.append(finding)
                finished.add(check.name)
                if all(finding.status != "fail" for finding in findings[before:]):
                    held.add(check.name)
    except BundleError as error:
        findings = [claims.accepted_finding(str(error))]
    except RuntimeFailedError as error:
        findings.extend(runtime.run_findings(comparison, error))
    else:
        if "load" in held:
            findings.extend(runtime.run_findings(comparison, None))
    return Outcome(findings=tuple(findings), finished=frozenset(finished), held=frozenset(held))


def _report(comparison: Comparison, outcome: Outcome, *, name: str, attribute: bool) -> Report:
    """Make the report, with those of its fields that mean something after these findings."""
    fits, ran = "contract" in outcome.held, "sessions" in outcome.held
    swept = "sweep" in outcome.finished and comparison.policy.history_snr_db is not None
    runs = comparison.layer_runs.values() if "layers" in outcome.finished else ()
    report = Report(
        bundle=name,
        subject=fields.subject(comparison),
        target=comparison.target.name,
        checkpoint_sha256=comparison.trained.sha256,
        tolerance=comparison.policy.description,
        environment=fields.environment(comparison.target, *comparison.converters),
        findings=outcome.findings,
        coverage=coverage(comparison) if ran and swept else None,
        layers=worst_first([error for run in runs for error in run.errors]),
        scores=score_sample(comparison.sessions) if ran else None,
        quality=expected_quality(comparison.bundle) if fits else None,
        parts=fields.byte_parts(comparison) if fits else (),
        latency=latencies(comparison.sessions) if ran else (),
    )
    if attribute and fits and not report.rejected:
        return replace(report, attribution=measure_attribution(comparison))
    return report


def _name(bundle: Path | str | Bundle) -> str:
    if isinstance(bundle, Bundle):
        return bundle.path.name if bundle.path is not None else bundle.manifest.model_id
    return Path(bundle).name
