"""A bundle's graphs beside PyTorch that rounds as the runtime does: closer than any graphs beside full precision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ofa_export.converters.protocol import GraphRunner
from ofa_export.graphs.device import DeviceGraph
from ofa_export.validation.checks.rounding import rounding_findings, unrounded_outputs
from ofa_export.validation.checks.small_inputs import small_input_findings, small_inputs
from ofa_export.validation.checks.weight_scales import scale_findings
from ofa_export.validation.finding import Finding
from ofa_export.validation.graph_outputs import run_graphs
from ofa_export.validation.reference import Reference, Tensors, run_modules
from ofa_export.validation.tolerance import TolerancePolicy


def quantised_reference_findings(
    runner: GraphRunner,
    own: Mapping[str, Tensors],
    graphs: Sequence[DeviceGraph],
    rounded: Sequence[DeviceGraph],
    inputs: Mapping[str, Tensors],
    *,
    policy: TolerancePolicy,
    entry: str,
) -> Iterator[Finding]:
    """Compare outputs on real histories, single scales, and outputs on small inputs, as far as there are limits.

    Args:
        runner: the bundle's graphs, loaded.
        own: their outputs, from `run_graphs`.
        graphs: of the reference.
        rounded: those of the network from `quantised_reference` whose rounding is known.
        inputs: of the reference, graph -> input -> values `[H, ...]`.
        policy: the limits.
        entry: the bundle's entry with the graphs, for messages.

    Yields:
        `rounding.*`, `scales.*`, `small_inputs.*`.
    """
    outputs = run_modules(rounded, inputs)
    known = [graph for graph in graphs if graph.spec.name in outputs]
    if policy.rounding_snr_db is not None:
        yield from rounding_findings(own, outputs, unrounded_outputs(rounded), floor=policy.rounding_snr_db)
    if policy.scale_error_share is not None:
        yield from scale_findings(known, inputs, own, outputs, limit=policy.scale_error_share)
    if policy.small_inputs_snr_db is not None:
        small = small_inputs(known, inputs)
        tried = [graph for graph in rounded if graph.spec.name in small]
        tiny = Reference(inputs=small, outputs=run_modules(tried, small))
        found = run_graphs(runner, [graph.spec for graph in tried], tiny, entry=entry)
        yield from small_input_findings(found, tiny.outputs, floor=policy.small_inputs_snr_db)
