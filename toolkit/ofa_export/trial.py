"""A bundle's graphs run in a process of their own before they run in ours: native code may end the process it is in.

The digests of a bundle tell whether its graphs are those that were put in, not whether a runtime survives them. On this
computer's builds a few changed bytes in a graph, with a digest that fits, can end the process (`docs/fuzzing.md`).
"""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from ofa_export.bundle.reader import Bundle
from ofa_export.converters.registry import get_converter

TIME_LIMIT_S = 120
"""The graphs take milliseconds; importing a runtime on a busy computer takes some ten seconds."""


def subprocess_trial(path: Path) -> str | None:
    """How the process ended in which a bundle's graphs were tried, when that was not by itself.

    Args:
        path: the bundle.

    Returns:
        A sentence, or None when the runtime survived it; what it answered is for others to judge.
    """
    command = [sys.executable, "-c", f"from {__name__} import main; main()", str(path)]
    try:
        ended = subprocess.run(command, capture_output=True, check=False, timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired:
        return f"The runtime did not finish the graphs within {TIME_LIMIT_S} seconds."
    if ended.returncode >= 0:
        return None
    message = ended.stderr.decode(errors="replace").strip().splitlines()[-1:]
    name = signal.Signals(-ended.returncode).name
    return (
        f"The runtime ended its process ({name}) while it ran the graphs{f': {message[0][:300]}' if message else ''}."
    )


def main() -> None:
    """Load the graphs of the bundle named on the command line and run each once, on zeros and a history of one item."""
    with Bundle.open(Path(sys.argv[1])) as bundle:
        contract = bundle.manifest.shapes.contract()
        # A refusal, or an exception of a runtime, is for the validation that follows to report.
        with suppress(Exception):
            runner = get_converter(bundle.manifest.runtime.name).load(bundle.graphs, contract)
            for graph in contract:
                inputs = {tensor.name: np.zeros(tensor.shape, tensor.dtype) for tensor in graph.inputs}
                inputs |= {"length": np.ones(1, np.int32)} if "length" in inputs else {}
                runner.run(graph.name, inputs)
