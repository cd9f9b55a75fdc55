from __future__ import annotations

import json

import jsonschema

from ofa_export.support.resources import shipped
from ofa_export.validation.reports.json import report_schema, reports_to_json
from ofa_export.validation.reports.report import Report, exit_code


def parsed(*reports: Report):
    return json.loads(reports_to_json(reports, code=exit_code(reports)))


def test_the_documented_schema_is_current() -> None:
    documented = shipped("docs", "validation-report.schema.json").read_text(encoding="utf-8")
    assert documented == report_schema(), "write report_schema() to docs/validation-report.schema.json"


def test_reports_fit_the_schema(good: Report, bad: Report, rejected: Report) -> None:
    schema = json.loads(report_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(parsed(good, bad, rejected), schema)


def test_a_report_holds_every_finding_with_its_number(bad: Report) -> None:
    content = parsed(bad)
    assert (content["schema_version"], content["status"], content["exit_code"]) == ("1.0", "fail", 4)
    findings = {finding["assertion"]: finding for finding in content["reports"][0]["findings"]}
    assert findings["quantisation.block_0.hidden.snr_db"] == {
        "assertion": "quantisation.block_0.hidden.snr_db",
        "status": "fail",
        "measured": 12.0,
        "limit": 30,
        "bound": "at_least",
        "unit": "dB",
        "sentence": "Block 0, worst is history 3.",
    }


def test_infinite_decibels_are_null_because_json_has_no_infinity(good: Report) -> None:
    findings = {finding["assertion"]: finding for finding in parsed(good)["reports"][0]["findings"]}
    assert findings["quantisation.adapt.hidden.snr_db"]["measured"] is None


def test_several_bundles_stand_beside_each_other_and_the_worst_decides(good: Report, rejected: Report) -> None:
    content = parsed(good, rejected)
    assert [report["bundle"] for report in content["reports"]] == ["toy.ofab", "broken\x00.ofab"]
    assert (content["status"], content["exit_code"]) == ("fail", 5)
    assert content["reports"][1]["subject"] is None
