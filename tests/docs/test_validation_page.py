"""docs/validation.md lists the defects that the tests seed, and the findings that a validation gives."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

from content_defects import CONTENT_DEFECTS
from defect_table import defect_rows
from file_defects import FILE_DEFECTS
from graph_defects import GRAPH_DEFECTS

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"


def test_the_table_of_defects_is_that_of_the_tests() -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = text.partition("## Defects that are found")[2]
    assert [line for line in table.splitlines() if line.startswith("| ")][2:] == defect_rows()


def test_no_two_defects_have_one_name() -> None:
    names = [defect.name for defect in (*GRAPH_DEFECTS, *FILE_DEFECTS, *CONTENT_DEFECTS)]
    assert len(set(names)) == len(names) >= 25


def test_every_group_of_findings_is_explained() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = {pattern.partition(".")[0] for defect in (*GRAPH_DEFECTS, *CONTENT_DEFECTS) for pattern in defect.found_by}
    assert all(f"`{group}." in text for group in named)


def test_the_table_of_the_spread_is_what_the_measurements_give() -> None:
    rows = runpy.run_path(str(PAGE.parents[1] / "benchmarks" / "tolerance_spread.py"))["spread_rows"]
    measured = json.loads((PAGE.parent / "tolerance-spread.json").read_text(encoding="utf-8"))
    assert "\n".join(rows(measured)) in PAGE.read_text(encoding="utf-8")
