"""Check that the runtime gets through: it may refuse graphs, crash on them or hang where another does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ofa_export.errors import RuntimeFailedError
from ofa_export.targets.host import HOST
from ofa_export.targets.protocol import Target
from ofa_export.validation.finding import Finding, at_most

SENTENCES = {
    "loads": "The bundle's graphs were loaded by",
    "runs": "No graph was refused, and none crashed or hung, on",
}


def runtime_findings(
    target: Target, what: Literal["loads", "runs"], failure: RuntimeFailedError | None
) -> Iterator[Finding]:
    """Say how a step went on a runtime in a process of its own.

    Args:
        target: where the bundle's graphs run. For the host there is nothing to say here: what it refuses to load is
            a rejected bundle, and `bundle.accepted` says so.
        what: the step.
        failure: why it ended early, or None.

    Yields:
        `runtime.loads` or `runtime.runs`.
    """
    if target.name == HOST:
        return
    sentence = f"{SENTENCES[what]} the target {target.name}." if failure is None else str(failure)
    yield at_most(f"runtime.{what}", 0 if failure is None else 1, 0, "count", sentence)
