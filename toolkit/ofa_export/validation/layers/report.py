"""`validate --layers`: the error of every layer of a bundle's graphs, added to its report.

The graphs are converted once more with what every layer gives as further outputs, for the same runtime and in the same
precision. That these are the layers as they were shipped is not taken for granted: the outputs are compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch

from ofa_export.bundle.reader import Bundle
from ofa_export.contract import GraphSpec
from ofa_export.converters.conversion import convert_cached
from ofa_export.converters.converters import converter_of
from ofa_export.converters.protocol import Converter, GraphRunner
from ofa_export.converters.registry import get_converter
from ofa_export.graphs.device import DeviceGraph, device_graphs
from ofa_export.graphs.layers import linear_layers
from ofa_export.graphs.taps import tapped_graph
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.fake_quantised import fake_quantised
from ofa_export.model.threads import one_torch_thread
from ofa_export.planning.recipe import BundleRecipe
from ofa_export.precision import Precision, Scheme
from ofa_export.support.content_cache import ContentCache
from ofa_export.validation.checks import bundle as provenance
from ofa_export.validation.finding import Finding, at_least, reported
from ofa_export.validation.graph_outputs import run_graphs
from ofa_export.validation.histories import validation_histories
from ofa_export.validation.layers.as_shipped import as_shipped_findings, other_tools
from ofa_export.validation.layers.error import LayerError
from ofa_export.validation.layers.run import LayerRun, decibels, run_layers, worst_first
from ofa_export.validation.reference import Reference, Tensors, run_reference
from ofa_export.validation.reports.report import Report
from ofa_export.validation.tolerance import Limit, TolerancePolicy

Load = Callable[[Converter, memoryview | bytes, Sequence[GraphSpec]], GraphRunner]
"""Loads a file of a converter where its graphs are to run."""


def with_layers(
    report: Report,
    bundle_path: Path,
    checkpoint: Checkpoint,
    *,
    tolerance: TolerancePolicy,
    store: ContentCache,
    load: Load,
) -> Report:
    """Add the error of every layer to a report; each graph is fed the inputs of the reference.

    Args:
        report: from `validate`; returned as it is where the bundle cannot be run with this checkpoint.
        bundle_path: the bundle.
        checkpoint: the reference.
        tolerance: says how many histories, and what a layer may be off.
        store: keeps the conversion.
        load: where the graphs run; a `Target.load`.

    Returns:
        The report with `layers`, and the findings `layers.GRAPH.as_shipped` and `layers.GRAPH.unexplained.snr_db`.

    Raises:
        LoweringError: the converter refused the graphs with their layers as outputs.
        MissingToolError: the converter is not installed.
    """
    if not report.comparable:
        return report
    with one_torch_thread(), Bundle.open(bundle_path) as bundle:
        comparison = _comparison(bundle, checkpoint, maximum=tolerance.histories, load=load)
        runs = comparison.layer_runs(store)
        limits = tolerance.of_precision(bundle.manifest.precision)
        findings = tuple(comparison.findings(runs, store, limits.layer_unexplained_snr_db))
    errors = [error for run in runs.values() for error in run.errors]
    return replace(report, findings=(*report.findings, *findings), layers=worst_first(errors))


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    """A bundle, its graphs in PyTorch and what they are fed."""

    bundle: Bundle
    converter: Converter
    precision: Precision
    graphs: tuple[DeviceGraph, ...]
    rounded: tuple[DeviceGraph, ...]
    reference: Reference
    load: Load

    @cached_property
    def schemes(self) -> dict[str, Scheme]:
        return {
            name: self.converter.rules.applied(self.precision.scheme_of(name), in_features=layer.in_features)
            for name, layer in linear_layers(self.graphs).items()
        }

    def layer_runs(self, store: ContentCache) -> dict[str, LayerRun]:
        """Every graph with taps on the runtime, by name."""
        tapped = [tapped_graph(graph) for graph in self.graphs]
        graphs = [each.graph for each in tapped]
        content = convert_cached(graphs, converter=self.converter, precision=self.precision, store=store)
        runner = self.load(self.converter, content, [graph.spec for graph in graphs])
        try:
            return {
                exact.spec.name: run_layers(
                    runner,
                    each,
                    self.reference.inputs[exact.spec.name],
                    exact=exact.module,
                    rounded=rounded.module,
                    schemes=self.schemes,
                    entry=self.converter.entry_name,
                )
                for each, exact, rounded in zip(tapped, self.graphs, self.rounded, strict=True)
            }
        finally:
            runner.close()

    def findings(self, runs: Mapping[str, LayerRun], store: ContentCache, limit: Limit | None) -> Iterator[Finding]:
        """Are these the layers of the bundle, and does each do what its scheme says?"""

        def again() -> Mapping[str, Tensors]:
            return self._outputs(
                convert_cached(self.graphs, converter=self.converter, precision=self.precision, store=store)
            )

        yield from as_shipped_findings(
            self._outputs(self.bundle.graphs),
            {name: run.outputs for name, run in runs.items()},
            again=again,
            other_tools=other_tools(self.bundle.manifest.tools, self.converter.tool_versions()),
        )
        for name, run in runs.items():
            yield _unexplained_finding(name, run.errors, limit)

    def _outputs(self, content: memoryview | bytes) -> Mapping[str, Tensors]:
        specs = [graph.spec for graph in self.graphs]
        runner = self.load(self.converter, content, specs)
        try:
            return run_graphs(runner, specs, self.reference, entry=self.converter.entry_name)
        finally:
            runner.close()


def _comparison(bundle: Bundle, checkpoint: Checkpoint, *, maximum: int, load: Load) -> _Comparison:
    manifest = bundle.manifest
    checkpoint = provenance.cut_as_bundled(manifest, checkpoint)
    converter = get_converter(converter_of(manifest.runtime.name, manifest.tools))
    precision = BundleRecipe.model_validate_json(manifest.recipe).precision
    graphs, rounded = (
        device_graphs(model, candidates=manifest.shapes.candidates)
        for model in (checkpoint.model, fake_quantised(checkpoint.model, precision, converter=converter))
    )
    histories = validation_histories(checkpoint, group=int(manifest.group), maximum=maximum)
    table = torch.from_numpy(bundle.table.all_rows())
    return _Comparison(
        bundle=bundle,
        converter=converter,
        precision=precision,
        graphs=graphs,
        rounded=rounded,
        reference=run_reference(graphs, rows=histories.rows, table=table),
        load=load,
    )


def _unexplained_finding(name: str, errors: Sequence[LayerError], limit: Limit | None) -> Finding:
    """`layers.GRAPH.unexplained.snr_db`: of the layer that is furthest from what its scheme makes of its inputs."""
    worst = min(errors, key=lambda error: (error.max_abs_err is not None, decibels(error.unexplained_snr_db)))
    measured = decibels(worst.unexplained_snr_db) if worst.max_abs_err is not None else -math.inf
    assertion, sentence = (
        f"layers.{name}.unexplained.snr_db",
        f"What each layer of graph {name} gives for what reached it, against the same layer in PyTorch with the "
        f"rounding of its precision; the furthest off is {worst.layer}.",
    )
    if limit is None:
        return reported(assertion, measured, "dB", sentence)
    return at_least(assertion, measured, limit.limit, "dB", sentence)
