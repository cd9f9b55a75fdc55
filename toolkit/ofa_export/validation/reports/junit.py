"""Reports as JUnit XML, which every CI system shows: one suite for each report, one case for each assertion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from ofa_export.validation.finding import Finding
from ofa_export.validation.reports.quantity import limit_text, measured_text
from ofa_export.validation.reports.report import Report

# What XML 1.0 cannot hold, not even escaped; a file's name may.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def reports_to_junit(reports: Sequence[Report]) -> bytes:
    """Write all reports of a command as one JUnit file, UTF-8.

    There are no times in it: the same bundles give the same bytes.

    Args:
        reports: one for each bundle and target.
    """
    suites = ElementTree.Element("testsuites", {"name": "ofa-export validate", **_counts(reports)})
    for report in reports:
        suite = ElementTree.SubElement(suites, "testsuite", {"name": _clean(report.title), **_counts([report])})
        properties = ElementTree.SubElement(suite, "properties")
        for name, value in _properties(report).items():
            ElementTree.SubElement(properties, "property", name=name, value=_clean(value))
        for finding in report.findings:
            _add_case(suite, finding)
    ElementTree.indent(suites)
    return bytes(ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)) + b"\n"


def _add_case(suite: ElementTree.Element, finding: Finding) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=finding.group, name=finding.assertion)
    summary = f"{finding.assertion}: {measured_text(finding)} ({limit_text(finding)})"
    if finding.status == "fail":
        failure = ElementTree.SubElement(case, "failure", message=_clean(summary), type="AssertionError")
        failure.text = _clean(finding.sentence)
    else:
        # Warnings too: JUnit knows no third outcome.
        note = ElementTree.SubElement(case, "system-out")
        note.text = _clean(f"{finding.status.upper()} {summary}\n{finding.sentence}")


def _properties(report: Report) -> dict[str, str]:
    return {
        "checkpoint_sha256": report.checkpoint_sha256,
        "target": report.target,
        "tolerance": report.tolerance,
        **report.environment,
    }


def _counts(reports: Sequence[Report]) -> dict[str, str]:
    findings = [finding for report in reports for finding in report.findings]
    failures = sum(finding.status == "fail" for finding in findings)
    return {"tests": str(len(findings)), "failures": str(failures), "errors": "0", "skipped": "0"}


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
