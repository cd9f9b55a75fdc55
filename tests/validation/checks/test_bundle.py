from __future__ import annotations

from typing import Any

import pytest

from ofa_export.bundle.manifest import NdcgAt10, Quality, TilesQuality
from ofa_export.planning.quality_curve import QualityCurve
from ofa_export.validation.checks.bundle import compare_quality, quality_findings
from ofa_export.validation.finding import Finding
from ofa_export.validation.tolerance import Limit

CHOICES: dict[str, dict[str, Any]] = {
    "as trained": {},
    "fewer items": {"items": 40},
    "rank 1": {"rank": 1},
    "one block": {"depth_cap": 1},
    "no adaptation": {"adaptation": "none"},
    "full precision": {"precision": "fp32"},
}

MEASURED = QualityCurve(full_table=0.31234, by_tiles=((8, 0.1), (16, 0.2), (24, 0.3)), users=24)


@pytest.mark.integration
@pytest.mark.parametrize("choices", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("tiles", [None, 20])
def test_what_was_measured_is_measured_again(workshop: Any, choices: dict[str, Any], tiles: int | None) -> None:
    with workshop.comparison(workshop.complete(**choices), tiles=tiles) as comparison:
        (again,) = quality_findings(comparison)
    assert again.status == "pass", again.sentence


def compared(*, full_table: str = "0.3123", users: int = 24, **tiles: str) -> Finding:
    """The finding on these promises, of which the tiles are named t8="0.1000"."""
    promised = {"t8": "0.1000", "t16": "0.2000", "t24": "0.3000"} | tiles
    by_tiles = tuple(
        TilesQuality(tiles=int(name[1:]), ndcg_at_10=text) for name, text in promised.items() if text != "none"
    )
    quality = Quality(ndcg_at_10=NdcgAt10(full_table=full_table, by_tiles=by_tiles), users=users)
    return compare_quality(quality, MEASURED, limit=Limit(limit=1e-4, why="four decimals"))


def test_promises_that_hold_pass() -> None:
    assert compared().status == "pass"


@pytest.mark.parametrize(
    ("promises", "named"),
    [
        ({"full_table": "0.9876"}, "0.9876 for the full table, measured 0.3123"),
        ({"t8": "0.1500"}, "0.1500 for 8 tiles, measured 0.1000"),
        ({"t16": "0.3000"}, "0.3000 for 16 tiles, measured 0.2000"),
        ({"t16": "none"}, "none for 16 tiles, measured 0.2000"),
        ({"t25": "0.3000"}, "0.3000 for 25 tiles, which nothing is measured at"),
        ({"users": 23}, "23 users instead of 24"),
    ],
)
def test_another_promise_is_found_and_named(promises: dict[str, Any], named: str) -> None:
    wrong = compared(**promises)
    assert wrong.status == "fail"
    assert named in wrong.sentence
