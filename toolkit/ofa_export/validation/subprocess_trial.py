"""A trial of a bundle's graphs in a process of their own: native code may end the process that it runs in.

The digests of a bundle tell whether its graphs are those that were put in, not whether a runtime survives them. On this
computer's builds a few changed bytes in a graph, with a digest that fits, can end the process (`docs/fuzzing.md`).
"""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress

import numpy as np

from ofa_export.bundle.manifest import Shapes
from ofa_export.bundle.reader import Bundle
from ofa_export.converters.registry import get_converter

TIME_LIMIT_S = 120
"""The graphs take milliseconds; importing a runtime on a busy computer takes some ten seconds."""


def subprocess_trial(bundle: Bundle) -> str | None:
    """Run each graph of a bundle once, in a process of its own.

    Args:
        bundle: an open one.

    Returns:
        A sentence about how the process ended when that was not by itself; None when the runtime survived the graphs,
        whatever it answered.
    """
    shapes = bundle.manifest.shapes.model_dump_json()
    command = [sys.executable, "-c", f"from {__name__} import main; main()", bundle.manifest.runtime.name, shapes]
    try:
        ended = subprocess.run(command, input=bundle.graphs, capture_output=True, check=False, timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired:
        return f"The runtime did not finish the graphs within {TIME_LIMIT_S} seconds."
    if ended.returncode >= 0:
        return None
    said = ended.stderr.decode(errors="replace").strip().splitlines()[-1:]
    name = signal.Signals(-ended.returncode).name
    return f"The runtime ended its process ({name}) while it ran the graphs{f': {said[0][:300]}' if said else ''}."


def main() -> None:
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
