"""`plan` with everything open and with limits, and `bundle` from the recipe that it writes; real conversions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ofa_export.bundle.reader import Bundle
from ofa_export.support.resources import shipped

AUTO = ("--recipe", "auto", "--runtime", "litert")


@pytest.mark.integration
def test_limits_that_nothing_meets_say_what_would(ofa, bundles: Path, toy_checkpoint: Path) -> None:
    command = ("plan", toy_checkpoint, "--budget", "1MB")
    refused = ofa(*command, "--ram-budget", "1KB", "--max-latency-ms", "0.0001", "--json")
    assert refused.returncode == 3, refused.stderr
    error = json.loads(refused.stdout)["error"]
    assert error["type"] == "LimitsError"
    assert "No configuration that fits the budget meets --ram-budget 1000 --max-latency-ms 0.0001" in error["message"]
    options = re.findall(r"--[a-z-]+ [0-9.]+", error["ways_out"][0].rstrip("."))
    assert len(options) == 2
    followed = ofa(*command, *" ".join(options).split())
    assert followed.returncode == 0, followed.stderr


@pytest.mark.integration
def test_a_budget_and_a_limit_that_are_both_too_small(ofa, bundles: Path, toy_checkpoint: Path) -> None:
    refused = ofa("plan", toy_checkpoint, "--budget", "2KB", "--ram-budget", "1KB")
    assert refused.returncode == 3
    options = re.search(r"1\. Use (--budget \d+) (--ram-budget \d+)\.", refused.stderr)
    assert options is not None, refused.stderr
    followed = ofa("plan", toy_checkpoint, *" ".join(options.groups()).split())
    assert followed.returncode == 0, followed.stderr


@pytest.mark.slow
def test_the_resolved_recipe_of_the_sample_makes_the_same_bytes(ofa, tmp_path: Path) -> None:
    sample = shipped("artifacts", "sample")
    written = ("-o", tmp_path / "plan.yaml", "--html", tmp_path / "plan.html", "--json")
    planned = ofa("plan", sample, "--budget", "480KB", *AUTO, *written)
    assert planned.returncode == 0, planned.stderr
    plan = json.loads(planned.stdout)
    assert plan["configurations_considered"] == 12
    assert 0.97 * 480_000 <= plan["bytes"] <= 480_000
    assert {one["configuration"] for one in plan["front"]} >= {plan["configuration"]}
    paths = [tmp_path / "chosen.ofab", tmp_path / "resolved.ofab"]
    for path, recipe in zip(paths, ("auto", tmp_path / "plan.yaml"), strict=True):
        made = ofa("bundle", sample, "--budget", "480KB", "--runtime", "litert", "--recipe", recipe, "-o", path)
        assert made.returncode == 0, made.stderr
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].stat().st_size == plan["bytes"]
    with Bundle.open(paths[0]) as bundle:
        assert bundle.table.tile_count == plan["tiles_kept"]
    assert "<svg" in (tmp_path / "plan.html").read_text(encoding="utf-8")
