from __future__ import annotations

from xml.etree import ElementTree

from ofa_export.validation.reports.junit import reports_to_junit
from ofa_export.validation.reports.report import Report


def test_one_suite_for_each_bundle_and_one_case_for_each_assertion(good: Report, bad: Report) -> None:
    root = ElementTree.fromstring(reports_to_junit([good, bad]))
    assert root.tag == "testsuites"
    suites = root.findall("testsuite")
    assert [len(suite.findall("testcase")) for suite in suites] == [len(good.findings), len(bad.findings)]
    names = [case.get("name") for case in suites[0].findall("testcase")]
    assert names == [finding.assertion for finding in good.findings]
    assert {case.get("classname") for case in suites[0].findall("testcase")} >= {"bundle", "conversion"}


def test_counts_are_those_of_the_cases(good: Report, bad: Report) -> None:
    root = ElementTree.fromstring(reports_to_junit([good, bad]))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("17", "2", "0")
    assert [suite.get("failures") for suite in root] == ["0", "2"]
    assert len(root.findall(".//failure")) == 2


def test_a_failure_carries_number_limit_and_sentence(bad: Report) -> None:
    root = ElementTree.fromstring(reports_to_junit([bad]))
    failure = root.find(".//testcase[@name='finite.adapt.nonfinite_count']/failure")
    assert failure is not None
    assert failure.get("message") == "finite.adapt.nonfinite_count: 2 (≤ 0)"
    assert failure.text == "First in theta_0 & history <1>."


def test_a_warning_passes_and_is_told(warned: Report) -> None:
    case = ElementTree.fromstring(reports_to_junit([warned])).find(".//testcase[@name='gates.undecided_flipped_count']")
    assert case is not None and case.find("failure") is None
    assert case.findtext("system-out", "").startswith("WARN ")


def test_the_environment_is_in_the_properties(good: Report) -> None:
    properties = {
        item.get("name"): item.get("value")
        for item in ElementTree.fromstring(reports_to_junit([good])).iter("property")
    }
    assert properties["python"] == "3.11"
    assert properties["checkpoint_sha256"] == "ab" * 32


def test_a_name_with_characters_that_xml_cannot_hold_is_still_valid(rejected: Report) -> None:
    suite = ElementTree.fromstring(reports_to_junit([rejected]))[0]
    assert suite.get("name") == r"broken\x00.ofab"


def test_the_same_reports_give_the_same_bytes(bad: Report) -> None:
    assert reports_to_junit([bad]) == reports_to_junit([bad])
