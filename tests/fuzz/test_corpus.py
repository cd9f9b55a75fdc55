"""Every case of the corpus is refused with its code or read as its digests say; the app has the same test."""

from __future__ import annotations

import json
from typing import Any

import pytest
from edits import apply_edits
from files import CORPUS, DOCUMENTS, read_base
from judge import WrongResultError, judge

from ofa_export.bundle.table import ElasticTable

CASES: list[dict[str, Any]] = json.loads((CORPUS / "cases.json").read_text())


@pytest.mark.parametrize("name", [f"toy.{kind}" for kind in DOCUMENTS])
def test_the_sound_files_are_accepted(name: str) -> None:
    base = read_base(name)
    assert judge(base.data, base).error is None


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_case_gets_what_it_expects(case: dict[str, Any]) -> None:
    base, expected = read_base(case["base"]), case["expected"]
    verdict = judge(apply_edits(base.data, case["edits"]), base)
    refusal = {"error": verdict.error, "entry": verdict.entry, "code": verdict.code}
    found = refusal if verdict.error else {"error": None, **verdict.facts}
    assert found == expected


def test_the_cases_are_many_and_different() -> None:
    edits = {json.dumps([case["base"], case["edits"]]) for case in CASES}
    assert len(edits) == len(CASES) >= 100
    for name in ("manifest.json", "embeddings.bin", "items.bin", "selftest.bin", "MODEL_CARD.md", None):
        assert any(case["expected"].get("entry") == name for case in CASES if case["expected"]["error"])


def test_a_reader_that_gives_out_other_values_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge itself: without it, a test that never fails."""
    base, lookup = read_base("toy.ofab"), ElasticTable.lookup
    monkeypatch.setattr(ElasticTable, "lookup", lambda table, rows: lookup(table, rows)[:, ::-1])
    with pytest.raises(WrongResultError, match="rows"):
        judge(base.data, base)
