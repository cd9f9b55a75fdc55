"""The report on a bundle that no validation of ours would survive."""

from __future__ import annotations

from pathlib import Path

from ofa_export.model.checkpoint import Checkpoint
from ofa_export.targets.host import HOST, HostTarget
from ofa_export.trial import subprocess_trial
from ofa_export.validation.checks.bundle import accepted_finding
from ofa_export.validation.reports.environment import environment
from ofa_export.validation.reports.report import Report
from ofa_export.validation.tolerance import TolerancePolicy


def crash_report(path: Path, checkpoint: Checkpoint, *, tolerance: TolerancePolicy) -> Report | None:
    """Report on a bundle whose graphs end the process that they run in, on this computer.

    Args:
        path: the bundle.
        checkpoint: what it would be compared with.
        tolerance: the limits that it would be held against.

    Returns:
        A report that the bundle was not accepted, or None when the runtime survives it and `validate` can go on.
    """
    sentence = subprocess_trial(path)
    if sentence is None:
        return None
    return Report(
        bundle=path.name,
        subject=None,
        target=HOST,
        checkpoint_sha256=checkpoint.sha256,
        tolerance=tolerance.description,
        environment=environment(HostTarget()),
        findings=(accepted_finding(sentence),),
    )
