"""Loading and running of the bundle's graphs on the target, which may refuse them, crash on them or hang."""

from __future__ import annotations

from collections.abc import Iterator

from ofa_export.errors import BundleError, RejectionCode, RuntimeFailedError
from ofa_export.targets.host import HOST
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.finding import Finding, at_most
from ofa_export.validation.subprocess_trial import subprocess_trial


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
