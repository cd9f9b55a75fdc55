"""The report of one bundle on one target, and the exit code of several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ofa_export.errors import NumericsError, RejectedError
from ofa_export.reporting.byte_shares import ByteShare
from ofa_export.targets.host import HOST
from ofa_export.validation.checks.bundle import ACCEPTED, SAME_CHECKPOINT
from ofa_export.validation.finding import Finding, Status
from ofa_export.validation.layers.attribution import Attribution
from ofa_export.validation.layers.layer_error import LayerError
from ofa_export.validation.reports.coverage import Coverage
from ofa_export.validation.reports.expected_quality import ExpectedQuality
from ofa_export.validation.sessions import Latency, ScoreSample


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The bundle that a report is about, as its manifest describes it.

    Args:
        model_id: name of the model.
        group: user group.
        converter: what converted its graphs.
        precision: of its graphs.
        size_bytes: the whole file.
        budget_bytes: what it may have.
        tiles_kept: tiles of the item table.
        tiles_total: tiles of the whole table.
    """

    model_id: str
    group: str
    converter: str
    precision: str
    size_bytes: int
    budget_bytes: int
    tiles_kept: int
    tiles_total: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """All findings about one bundle on one target.

    Args:
        bundle: name of the file.
        subject: what its manifest says; None when no manifest could be trusted.
        target: where its graphs ran, for example "host".
        checkpoint_sha256: the checkpoint that it was compared with.
        tolerance: description of the tolerance recipe.
        environment: versions of the software that took part.
        findings: in the order in which they were made.
        coverage: what the histories covered; None where they did not run to their end, or the recipe makes none.
        layers: the error of every layer, the worst first; empty where nobody asked.
        attribution: where its NDCG@10 goes; None where nobody asked.
        scores: scores of some items in the reference and on the device; None when no session ran.
        quality: what the manifest expects of this and of other budgets; None when nothing was compared.
        parts: where the bytes go, largest first; empty when nothing was compared.
        latency: time of sessions on this computer, which is not compared: no two runs take the same.
    """

    bundle: str
    subject: Subject | None
    target: str
    checkpoint_sha256: str
    tolerance: str
    environment: dict[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...]
    coverage: Coverage | None = None
    layers: tuple[LayerError, ...] = ()
    attribution: Attribution | None = None
    scores: ScoreSample | None = None
    quality: ExpectedQuality | None = None
    parts: tuple[ByteShare, ...] = ()
    latency: tuple[Latency, ...] = field(default=(), compare=False)

    @property
    def title(self) -> str:
        """The name of the bundle, and of the target if that is not this computer."""
        return self.bundle if self.target == HOST else f"{self.bundle} on {self.target}"

    @property
    def status(self) -> Status:
        """The worst status of all findings."""
        found = {finding.status for finding in self.findings}
        return "fail" if "fail" in found else "warn" if "warn" in found else "pass"

    @property
    def passed(self) -> bool:
        """True if nothing failed; warnings are worth a look."""
        return self.status != "fail"

    @property
    def rejected(self) -> bool:
        """True if the bundle, or its checkpoint, must not be used at all."""
        return any(
            finding.status == "fail" and finding.assertion in (ACCEPTED, SAME_CHECKPOINT) for finding in self.findings
        )


def exit_code(reports: Iterable[Report]) -> int:
    """Choose the exit code: 0 when nothing failed, 5 when a bundle was rejected, 4 when numbers are out of tolerance.

    Args:
        reports: of all bundles of a command; warnings do not fail.
    """
    reports = tuple(reports)
    if any(report.rejected for report in reports):
        return RejectedError.exit_code
    return NumericsError.exit_code if any(report.status == "fail" for report in reports) else 0
