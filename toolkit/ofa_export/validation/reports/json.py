"""Reports as JSON; `docs/validation-report.schema.json` is its schema, and a test keeps the two equal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from ofa_export.validation.finding import Status
from ofa_export.validation.reports.report import Report

SCHEMA_VERSION: Literal["1.0"] = "1.0"


@dataclass(frozen=True, kw_only=True)
class ReportFile:
    """The JSON of `validate`.

    Args:
        schema_version: of this format.
        status: the worst of all reports.
        exit_code: what the command ends with.
        reports: one for each bundle, in the order of the command line.
    """

    schema_version: Literal["1.0"]
    status: Status
    exit_code: Literal[0, 4, 5]
    reports: tuple[Report, ...]


def reports_to_json(reports: Sequence[Report], *, code: int) -> str:
    """Write all reports of a command as one JSON object, indented, ending with a newline.

    Args:
        reports: one for each bundle.
        code: from `exit_code`.
    """
    statuses = {report.status for report in reports}
    status = "fail" if "fail" in statuses else "warn" if "warn" in statuses else "pass"
    content = {
        "schema_version": SCHEMA_VERSION,
        "status": status,
        "exit_code": code,
        "reports": TypeAdapter(tuple[Report, ...]).dump_python(tuple(reports), mode="json"),
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def report_schema() -> str:
    """Write the JSON Schema of the reports, as `docs/validation-report.schema.json` holds it."""
    schema = TypeAdapter(ReportFile).json_schema(mode="serialization")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
