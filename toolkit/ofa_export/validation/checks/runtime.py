"""Loading and running of the bundle's graphs on the target, which may refuse them, crash on them or hang.

On the host, native code may end the process that it runs in. The digests of a bundle tell whether its graphs are those
that were put in, not whether a runtime survives them: a few changed bytes in a graph, with a digest that fits, can end
the process (`docs/fuzzing.md`). So the graphs run once in a process of their own before they run in this one.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from ofa_export.bundle.manifest import Shapes
from ofa_export.bundle.reader import Bundle
from ofa_export.converters.operators import unloadable_operators
from ofa_export.converters.registry import get_converter
from ofa_export.errors import BundleError, RejectionCode, RuntimeFailedError
from ofa_export.targets.host import HOST
from ofa_export.validation.finding import Finding, at_most

if TYPE_CHECKING:
    # The process of the trial imports this module, and must not wait for torch.
    from ofa_export.validation.comparison import Comparison

NAMED = 4
"""Operators that a sentence names before it only counts."""

TIME_LIMIT_S = 120
"""The graphs take milliseconds; importing a runtime on a busy computer takes some ten seconds."""


def load_findings(comparison: Comparison) -> Iterator[Finding]:
    """Load the bundle's graphs on the target; on the host after they ran in a process of their own.

    Args:
        comparison: with a bundle that fits its checkpoint.

    Yields:
        `runtime.loads`; nothing on the host, whose refusal rejects the bundle: `bundle.accepted` says so.

    Raises:
        BundleError: the host's runtime refused the graphs, crashed on them or hung.
    """
    name = comparison.target.name
    if name == HOST and (end := subprocess_trial(comparison.bundle)):
        raise BundleError(end, code=RejectionCode.GRAPHS, entry=comparison.converter.entry_name)
    sentence, failures = f"The bundle's graphs were loaded by the target {name}.", 0
    try:
        _ = comparison.runner
    except RuntimeFailedError as error:
        sentence, failures = str(error), 1
    if name != HOST:
        yield at_most("runtime.loads", failures, 0, "count", sentence)


def operator_findings(comparison: Comparison) -> Iterator[Finding]:
    """Look for operators that the phone's release of the runtime does not load, whatever the target loads.

    Args:
        comparison: with a bundle that the target loads.

    Yields:
        `bundle.operators.unloadable_count`.
    """
    runtime, entry = comparison.manifest.runtime, comparison.converter.entry_name
    unloadable = unloadable_operators(runtime.name, comparison.bundle.graphs)
    more = f" and {len(unloadable) - NAMED} more" if len(unloadable) > NAMED else ""
    yield at_most(
        "bundle.operators.unloadable_count",
        len(unloadable),
        0,
        "count",
        f"Operators of {entry} that {runtime.name} {runtime.minimum_version}, which the bundle names, does not load on "
        f"a phone: {'; '.join(unloadable[:NAMED]) or 'none is known'}{more}.",
    )


def run_findings(comparison: Comparison, failure: RuntimeFailedError | None) -> Iterator[Finding]:
    """Tell how the checks went on a target whose graphs run in a process of their own.

    Args:
        comparison: with a bundle that the target loads.
        failure: what ended the checks early, or None.

    Yields:
        `runtime.runs`; nothing on the host.
    """
    name = comparison.target.name
    if name != HOST:
        sentence = str(failure or f"No graph was refused, and none crashed or hung, on the target {name}.")
        yield at_most("runtime.runs", int(failure is not None), 0, "count", sentence)


def subprocess_trial(bundle: Bundle) -> str | None:
    """Run each graph of a bundle once, in a process of its own.

    Args:
        bundle: an open one.

    Returns:
        A sentence about how the process ended when that was not by itself; None when the runtime survived the graphs,
        whatever it answered.
    """
    shapes = bundle.manifest.shapes.model_dump_json()
    command = [
        sys.executable,
        "-c",
        f"from {__name__} import try_graphs; try_graphs()",
        bundle.manifest.runtime.name,
        shapes,
    ]
    try:
        ended = subprocess.run(command, input=bundle.graphs, capture_output=True, check=False, timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired:
        return f"The runtime did not finish the graphs within {TIME_LIMIT_S} seconds."
    if ended.returncode >= 0:
        return None
    said = ended.stderr.decode(errors="replace").strip().splitlines()[-1:]
    name = signal.Signals(-ended.returncode).name
    return f"The runtime ended its process ({name}) while it ran the graphs{f': {said[0][:300]}' if said else ''}."


def try_graphs() -> None:
    """Load the graphs on the standard input and run each once, on zeros and a history of one item.

    The command line names their runtime and gives their shapes as JSON.
    """
    contract = Shapes.model_validate_json(sys.argv[2]).contract()
    # A refusal, or an exception of a runtime, is for the validation that follows to report.
    with suppress(Exception):
        runner = get_converter(sys.argv[1]).load(sys.stdin.buffer.read(), contract)
        for graph in contract:
            inputs = {tensor.name: np.zeros(tensor.shape, tensor.dtype) for tensor in graph.inputs}
            inputs |= {"length": np.ones(1, np.int32)} if "length" in inputs else {}
            runner.run(graph.name, inputs)
