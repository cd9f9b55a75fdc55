"""docs/results.md is what its generator makes of the measurements: nothing in it was typed in by hand."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generator() -> dict[str, Any]:
    return runpy.run_path(str(DOCS / "make_results.py"))


def test_the_page_is_what_the_measurements_give(generator: dict[str, Any]) -> None:
    results = {path.stem: generator["read_result"](path) for path in (DOCS / "results").glob("*.json")}
    assert generator["render"](results) == (DOCS / "results.md").read_text(encoding="utf-8")


def test_the_test_items_were_scored_with_the_controls() -> None:
    for path in (DOCS / "results").glob("*.json"):
        found = json.loads(path.read_text(encoding="utf-8"))
        assert found["split"] == "test"
        assert {"popularity", "markov", "adapted", "static_longer"} <= {row["name"] for row in found["ranking"]}


def test_every_plot_of_the_page_is_there() -> None:
    text = (DOCS / "results.md").read_text(encoding="utf-8")
    plots = [line.partition("](")[2].rstrip(")") for line in text.splitlines() if line.startswith("![")]
    assert len(plots) >= 4
    assert all((DOCS / plot).is_file() for plot in plots)
