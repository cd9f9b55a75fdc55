"""`validate`: a bundle on a runtime against the PyTorch reference of its checkpoint.

In order: is it a bundle, is it this checkpoint's, is its table the checkpoint's, what did conversion cost, what did
quantisation cost, do the gates agree, how do whole sessions rank, does its self-test pass. What makes later questions
meaningless ends the report early. The bundle's own graphs run on the target that was asked for; the conversions that
they are compared beside run in this process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ofa_export.bundle.codes import EncodedTable, encode
from ofa_export.bundle.manifest import Manifest
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.table import ElasticTable
from ofa_export.converters.conversion import convert_cached
from ofa_export.converters.converters import converter_of, other_converter
from ofa_export.converters.protocol import Converter, GraphRunner
from ofa_export.converters.registry import get_converter
from ofa_export.device.loop import Device
from ofa_export.errors import BundleError, NumericsError, RuntimeFailedError
from ofa_export.graphs.device import DeviceGraph, device_graphs
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.fake_quantised import fake_quantised
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.model.threads import one_torch_thread
from ofa_export.planning.recipe import BundleRecipe
from ofa_export.precision import FP32, Precision
from ofa_export.support.content_cache import ContentCache
from ofa_export.targets.protocol import Target
from ofa_export.targets.registry import get_target
from ofa_export.validation.checks import bundle as provenance
from ofa_export.validation.checks.cross import cross_findings
from ofa_export.validation.checks.finite import finite_findings
from ofa_export.validation.checks.gate_decisions import decision_findings
from ofa_export.validation.checks.gates import gate_findings
from ofa_export.validation.checks.graphs import conversion_findings
from ofa_export.validation.checks.quality import quality_finding
from ofa_export.validation.checks.quantisation import quantisation_findings
from ofa_export.validation.checks.quantised_reference_findings import quantised_reference_findings
from ofa_export.validation.checks.ranking import ranking_findings
from ofa_export.validation.checks.rounded_reference import known_rounding, quantised_reference
from ofa_export.validation.checks.runtime import runtime_findings
from ofa_export.validation.checks.selftest import selftest_expectation_findings, selftest_run_findings
from ofa_export.validation.checks.table import expected_table, table_findings
from ofa_export.validation.finding import Finding, at_most
from ofa_export.validation.graph_outputs import run_graphs
from ofa_export.validation.histories import ValidationHistories, validation_histories
from ofa_export.validation.latency import latencies
from ofa_export.validation.reference import Reference, Tensors, run_reference
from ofa_export.validation.reports.byte_parts import byte_parts
from ofa_export.validation.reports.environment import environment
from ofa_export.validation.reports.expected_quality import expected_quality
from ofa_export.validation.reports.report import Report, Subject
from ofa_export.validation.score_sample import score_sample
from ofa_export.validation.sessions import run_sessions, session_findings
from ofa_export.validation.tolerance import PrecisionLimits, TolerancePolicy


def validate(
    bundle_path: Path,
    checkpoint: Checkpoint,
    *,
    tolerance: TolerancePolicy,
    store: ContentCache,
    target: str = "host",
    cross: bool = False,
) -> Report:
    """Compare a bundle with the reference that it was made from.

    Args:
        bundle_path: the bundle; what is wrong with it is a finding, not an error.
        checkpoint: the reference, as `load_checkpoint` gives it.
        tolerance: the limits.
        store: keeps the full-precision conversion that a quantised bundle is compared beside.
        target: where the bundle's graphs run, one of `runtimes.registry.TARGETS`.
        cross: whether the bundle's graphs are also compared with what the runtime's other converter makes of the same
            checkpoint.

    Returns:
        The report; the same inputs and tool versions give the same report, but for its times.

    Raises:
        UnknownNameError: there is no such target; the bundle's converter is not installed; the recipe has no limits for
            its precision.
        ConfigError: the file cannot be read; `cross` and the runtime has one converter, or the recipe has no limit; the
            target does not run on this computer.
        LoweringError: the converter, or the other one, refused the checkpoint's graphs.
        MissingToolError: a converter, or a tool of the runtime, is not installed.
    """
    chosen = get_target(target)
    manifest: Manifest | None = None
    findings: list[Finding] = []
    shown: dict[str, Any] = {}
    try:
        with one_torch_thread(), Bundle.open(bundle_path) as bundle:
            manifest = bundle.manifest
            findings.extend(
                _bundle_findings(
                    bundle, checkpoint, target=chosen, policy=tolerance, store=store, cross=cross, shown=shown
                )
            )
        findings.insert(0, provenance.accepted_finding(None))
    except BundleError as error:
        findings = [provenance.accepted_finding(str(error))]
    return Report(
        bundle=Path(bundle_path).name,
        subject=_subject(manifest, Path(bundle_path)) if manifest else None,
        target=target,
        checkpoint_sha256=checkpoint.sha256,
        tolerance=tolerance.description,
        environment=environment(chosen, *_converters(manifest, cross=cross) if manifest else ()),
        findings=tuple(findings),
        **shown,
    )


def _bundle_findings(
    bundle: Bundle,
    checkpoint: Checkpoint,
    *,
    target: Target,
    policy: TolerancePolicy,
    store: ContentCache,
    cross: bool,
    shown: dict[str, Any],
) -> Iterator[Finding]:
    """Compare; fields of the report that are shown beside the findings go into `shown` as they become known."""
    converter, *others = _converters(bundle.manifest, cross=cross)
    limits = policy.of_precision(bundle.manifest.precision)
    yield provenance.size_finding(bundle)
    same = provenance.checkpoint_finding(bundle.manifest, checkpoint)
    yield same
    if same.status == "fail":
        return
    group = provenance.user_group(bundle.manifest, checkpoint)
    trained, checkpoint = checkpoint, provenance.cut_as_bundled(bundle.manifest, checkpoint)
    contract = provenance.contract_finding(bundle.manifest, checkpoint, converter)
    yield contract
    if contract.status == "fail" or group is None:
        return
    yield from provenance.item_findings(bundle, checkpoint)
    comparison = _Comparison(
        bundle=bundle,
        target=target,
        checkpoint=checkpoint,
        trained=trained,
        group=group,
        converter=converter,
        other=others[0] if others else None,
        policy=policy,
        limits=limits,
        histories=validation_histories(checkpoint, group=group, maximum=policy.histories),
    )
    shown["quality"] = expected_quality(bundle)
    shown["parts"] = byte_parts(bundle, comparison.graphs, converter)
    try:
        runner = target.load(converter, bundle.graphs, bundle.manifest.shapes.contract())
    except RuntimeFailedError as error:
        yield from runtime_findings(target, "loads", error)
        return
    yield from runtime_findings(target, "loads", None)
    try:
        yield from comparison.findings(runner, store, shown)
        yield from runtime_findings(target, "runs", None)
    except RuntimeFailedError as error:
        yield from runtime_findings(target, "runs", error)
    finally:
        runner.close()


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    """A bundle that fits its checkpoint, cut as the bundle's recipe says, and what both are compared on."""

    bundle: Bundle
    target: Target
    checkpoint: Checkpoint
    trained: Checkpoint
    group: int
    converter: Converter
    other: Converter | None
    policy: TolerancePolicy
    limits: PrecisionLimits
    histories: ValidationHistories

    @cached_property
    def graphs(self) -> tuple[DeviceGraph, ...]:
        return device_graphs(self.checkpoint.model, candidates=self.bundle.manifest.shapes.candidates)

    @cached_property
    def precision(self) -> Precision:
        return BundleRecipe.model_validate_json(self.bundle.manifest.recipe).precision

    @cached_property
    def rounded(self) -> AdaptiveRecommender:
        """The reference that rounds as the converter's runtime does on the host, as when quality was measured."""
        return fake_quantised(self.checkpoint.model, self.precision, converter=self.converter)

    @cached_property
    def quantised_reference(self) -> tuple[DeviceGraph, ...]:
        """Graphs that round as those of the bundle's converter do on the target that was asked for."""
        converter, activations = self.converter.name, self.target.activations(self.converter)
        model = quantised_reference(self.rounded, self.checkpoint.model, converter=converter, activations=activations)
        graphs = device_graphs(model, candidates=self.bundle.manifest.shapes.candidates)
        return known_rounding(graphs, converter=converter)

    @cached_property
    def encoded(self) -> EncodedTable:
        book = self.bundle.table.book
        return encode(
            self.checkpoint.table(self.group).numpy(),
            group_sizes=self.checkpoint.config.model.group_sizes,
            clip=book.clip,
            exponent=book.exponent,
        )

    @cached_property
    def table(self) -> ElasticTable:
        return expected_table(self.encoded, self.bundle.table)

    @cached_property
    def reference(self) -> Reference:
        table = torch.from_numpy(self.table.all_rows())
        return run_reference(self.graphs, rows=self.histories.rows, table=table)

    def findings(self, runner: GraphRunner, store: ContentCache, shown: dict[str, Any]) -> Iterator[Finding]:
        order = self.checkpoint.tile_orders[self.group]
        yield from table_findings(self.bundle.table, self.table, order=order, policy=self.policy)
        if self.policy.quality_ndcg_err is not None:
            yield quality_finding(
                self.bundle.manifest,
                trained=self.trained,
                rounded=replace(self.checkpoint, model=self.rounded),
                table=self.table,
                precision=self.precision,
                limit=self.policy.quality_ndcg_err,
            )
        yield from self._graph_findings(runner, store)
        device = Device(self.bundle, runner)
        try:
            yield from self._session_findings(device, shown)
            yield from selftest_run_findings(device)
        except NumericsError as error:
            sentence = f"Sessions on the device ended early: {error}"
            yield at_most("finite.session.nonfinite_count", 1, 0, "count", sentence)
        yield from selftest_expectation_findings(
            self.bundle.selftest, self.checkpoint.model, self.encoded, policy=self.policy
        )

    def _graph_findings(self, runner: GraphRunner, store: ContentCache) -> Iterator[Finding]:
        specs = [graph.spec for graph in self.graphs]
        own = run_graphs(runner, specs, self.reference, entry=self.converter.entry_name)
        yield from finite_findings(own, self.histories)
        controller = self.checkpoint.model.controller
        inputs, expected = (each["adapt"] for each in (self.reference.inputs, self.reference.outputs))
        yield from decision_findings(runner, controller, inputs, own["adapt"], expected=expected)
        yield from quantised_reference_findings(
            runner,
            own,
            self.graphs,
            self.quantised_reference,
            self.reference.inputs,
            policy=self.policy,
            entry=self.converter.entry_name,
        )
        if self.other is not None:
            yield from self._cross_findings(self.other, own, store)
        if self.limits.graph_snr_db is None:
            yield from conversion_findings(own, self.reference, self.histories, policy=self.policy)
            return
        outputs = self._outputs(self.converter, FP32, store)
        yield from conversion_findings(outputs, self.reference, self.histories, policy=self.policy)
        yield from quantisation_findings(
            own,
            self.reference,
            self.histories,
            policy=self.policy,
            floor=self.limits.graph_snr_db,
        )

    def _cross_findings(self, other: Converter, own: Mapping[str, Tensors], store: ContentCache) -> Iterator[Finding]:
        outputs = self._outputs(other, self.precision, store)
        yield from cross_findings(
            own, outputs, self.reference, self.histories, policy=self.policy, limits=self.limits, other_name=other.name
        )

    def _outputs(self, converter: Converter, precision: Precision, store: ContentCache) -> Mapping[str, Tensors]:
        """Compute what a converter's graphs give; the same ones may have been converted before."""
        specs = [graph.spec for graph in self.graphs]
        content = convert_cached(self.graphs, converter=converter, precision=precision, store=store)
        runner = converter.load(content, specs)
        try:
            return run_graphs(runner, specs, self.reference, entry=converter.entry_name)
        finally:
            runner.close()

    def _session_findings(self, device: Device, shown: dict[str, Any]) -> Iterator[Finding]:
        sessions = run_sessions(
            device, self.checkpoint, self.histories, group=self.group, table=self.table, trained=self.trained
        )
        shown["scores"], shown["latency"] = score_sample(sessions), latencies(sessions)
        yield from gate_findings(
            "gates", sessions.gates, self.reference, self.histories, margin=self.limits.gate_margin.limit
        )
        yield from session_findings(sessions, self.histories, floor=self.limits.session_snr_db)
        yield from ranking_findings(sessions, limits=self.limits, budget=self.policy.budget_ndcg_drop)


def _converters(manifest: Manifest, *, cross: bool) -> tuple[Converter, ...]:
    """Return the converter of a bundle, and with `cross` the other one for its runtime."""
    name = converter_of(manifest.runtime.name, manifest.tools)
    return tuple(get_converter(each) for each in ((name, other_converter(name)) if cross else (name,)))


def _subject(manifest: Manifest, path: Path) -> Subject:
    return Subject(
        model_id=manifest.model_id,
        group=manifest.group,
        converter=converter_of(manifest.runtime.name, manifest.tools),
        precision=manifest.precision,
        size_bytes=path.stat().st_size,
        budget_bytes=manifest.budget_bytes,
        tiles_kept=manifest.embeddings.tiles_kept,
        tiles_total=manifest.embeddings.tiles_total,
    )
