from __future__ import annotations

from dataclasses import replace

from ofa_export.validation.checks.bundle import SAME_CHECKPOINT
from ofa_export.validation.reports.report import Report, exit_code


def test_status_is_the_worst_of_all_findings(good: Report, warned: Report, bad: Report) -> None:
    assert [report.status for report in (good, warned, bad)] == ["pass", "warn", "fail"]


def test_passes_and_warnings_exit_with_0(good: Report, warned: Report) -> None:
    assert exit_code([]) == 0
    assert exit_code([good, warned]) == 0


def test_numbers_out_of_tolerance_exit_with_4(good: Report, bad: Report) -> None:
    assert exit_code([good, bad]) == 4


def test_one_rejected_bundle_exits_with_5_whatever_the_others_say(bad: Report, rejected: Report) -> None:
    assert exit_code([bad, rejected]) == 5


def test_a_bundle_of_another_checkpoint_is_rejected(good: Report) -> None:
    other = replace(good.findings[0], assertion=SAME_CHECKPOINT, status="fail")
    assert exit_code([replace(good, findings=(*good.findings, other))]) == 5
