"""`ofa-export run`: keys on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ofa_export.support.resources import shipped


@pytest.fixture(scope="module")
def golden() -> Path:
    return next(shipped("artifacts", "golden").glob("*-litert.ofab"))


def test_a_key_with_a_comma_is_written_as_in_csv(invoke, golden: Path) -> None:
    result = invoke("run", golden, "--history", '"22423,22697"')
    assert result.exit_code == 2
    assert "None of the 1 items of the history is in this bundle" in result.stderr
    assert "'22423,22697'" in result.stderr


def test_the_option_may_be_repeated_oldest_first(invoke, golden: Path) -> None:
    result = invoke("run", golden, "--history", '"22423", 22697', "--history", "22698", "--json")
    assert result.exit_code == 0, result.stderr
    assert [item["item_id"] for item in json.loads(result.stdout)["history"]] == ["22423", "22697", "22698"]


def test_a_quote_that_is_not_closed(invoke, golden: Path) -> None:
    result = invoke("run", golden, "--history", '"22423,22697')
    assert result.exit_code == 2
    assert 'as in CSV: "a,b" for a,b' in result.stderr
