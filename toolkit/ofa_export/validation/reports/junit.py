"""Reports as JUnit XML, which every CI system shows: one suite for each report, one case for each assertion."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from ofa_export.foreign_text import shown
from ofa_export.validation.finding import LONGEST_SENTENCE, Finding
from ofa_export.validation.reports.quantity import limit_text, measured_text
from ofa_export.validation.reports.report import Report


def reports_to_junit(reports: Sequence[Report]) -> bytes:
    """Write all reports of a command as one JUnit file, UTF-8.

    There are no times in it: the same bundles give the same bytes.

    Args:
        reports: one for each bundle and target.
    """
    suites = ElementTree.Element("testsuites", {"name": "ofa-export validate", **_counts(reports)})
    for report in reports:
        suite = ElementTree.SubElement(suites, "testsuite", {"name": report.title, **_counts([report])})
        properties = ElementTree.SubElement(suite, "properties")
        for name, value in _properties(report).items():
            ElementTree.SubElement(properties, "property", name=name, value=value)
        for finding in report.findings:
            _add_case(suite, finding)
    for element in suites.iter():
        _make_harmless(element)
    ElementTree.indent(suites)
    return bytes(ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)) + b"\n"


def _add_case(suite: ElementTree.Element, finding: Finding) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=finding.group, name=finding.assertion)
    summary = f"{finding.assertion}: {measured_text(finding)} ({limit_text(finding)})"
    if finding.status == "fail":
        failure = ElementTree.SubElement(case, "failure", message=summary, type="AssertionError")
        failure.text = finding.sentence
    else:
        # Warnings too: JUnit knows no third outcome.
        note = ElementTree.SubElement(case, "system-out")
        note.text = f"{finding.status.upper()} {summary}\n  {finding.sentence}"


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


def _make_harmless(element: ElementTree.Element) -> None:
    """Write out what cannot be seen; XML has no way at all to hold control characters."""
    element.attrib = {shown(name): shown(value) for name, value in element.attrib.items()}
    if element.text:
        element.text = "\n".join(shown(line, at_most=LONGEST_SENTENCE) for line in element.text.split("\n"))
