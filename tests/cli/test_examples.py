"""The examples of the help that need no second runtime, run as they stand on the sample checkpoint."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def example(ofa, invoke, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], str]:
    """Runs the n-th example of a command in a folder of this module; returns what it printed."""
    folder = tmp_path_factory.mktemp("examples")
    assert ofa("bundle", "--budget", "4MB", "--runtime", "litert", cwd=folder).returncode == 0

    def run(command: str, number: int) -> str:
        lines = re.findall(r"^ +(ofa-export .+)$", invoke(command, "--help").stdout, re.M)
        finished = ofa(*shlex.split(lines[number - 1])[1:], cwd=folder)
        assert finished.returncode == 0, finished.stderr
        assert not finished.stderr
        return finished.stdout

    return run


def test_plan(example) -> None:
    first, third = example("plan", 1), example("plan", 3)
    assert first.startswith("litert: ")
    used, budget = (
        int(text.replace(",", "")) for text in re.findall(r"([\d,]+) bytes of a budget of ([\d,]+),", first)[0]
    )
    assert 0.97 * budget <= used <= budget == 1_000_000
    assert "<- this plan" in third


def test_bundle_then_inspect(example) -> None:
    assert "small.ofab" in example("bundle", 2)
    assert "CC-BY-4.0" in example("inspect", 3)
    assert "sample-4MB-litert.ofab" in example("inspect", 1)


def test_resize_and_back(example) -> None:
    assert "sample-1MB.ofab" in example("resize", 1)
    assert "a.ofab" in example("resize", 2)
    assert json.loads(example("resize", 3))["budget_bytes"] == 1_050_000
    assert "embeddings.bin" in example("delta", 1)
    assert "MODEL_CARD.md" in example("delta", 2)
    assert json.loads(example("delta", 3))["path"] == "new.ofad"
    assert "1280/1280" in example("patch", 1)
    # The third needs the larger bundle, the second replaces the smaller one.
    assert json.loads(example("patch", 3))["tiles_kept"] < 1280
    assert "1280/1280" in example("patch", 2)


def test_run_for_a_real_shopper(example) -> None:
    assert "REGENCY CAKESTAND 3 TIER" in example("run", 1)
    ranking = json.loads(example("run", 3))
    assert len(ranking["items"]) == 10
    assert all(item["title"] for item in ranking["items"])
