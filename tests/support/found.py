"""What it means that `validate` found a defect."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Protocol

from ofa_export.validation.reports.report import Report, exit_code


class Defect(Protocol):
    """What every seeded defect says of itself."""

    @property
    def name(self) -> str: ...

    @property
    def found_by(self) -> tuple[str, ...]: ...

    @property
    def cause(self) -> str | None: ...


def assert_found(report: Report, defect: Defect) -> None:
    """The findings that the defect names fail, the first of them says the cause, and the command would end with 4."""
    failed = {finding.assertion: finding.sentence for finding in report.findings if finding.status == "fail"}
    for pattern in defect.found_by:
        assert any(fnmatch(name, pattern) for name in failed), (pattern, failed)
    if defect.cause is not None:
        named = [sentence for name, sentence in failed.items() if fnmatch(name, defect.found_by[0])]
        assert any(defect.cause in sentence for sentence in named), named
    assert exit_code([report]) == 4
