"""`resize`, `delta` and `patch` on bundles of real converters."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

DIES_BEFORE_THE_RENAME = "import os, signal\nos.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)\n"
"""Run by Python at its start: the kernel's kill, at the moment when the bytes are written but not renamed."""


@pytest.fixture(params=["litert", "executorch"])
def bundle(request: pytest.FixtureRequest, litert: Path, executorch: Path) -> Path:
    return {"litert": litert, "executorch": executorch}[request.param]


@pytest.fixture(scope="session")
def small(invoke, litert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "small.ofab"
    assert invoke("resize", litert, "--budget", litert.stat().st_size - 300, "-o", path).exit_code == 0
    return path


@pytest.fixture(scope="session")
def delta(invoke, small: Path, litert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("delta") / "up.ofad"
    assert invoke("delta", small, litert, "-o", path).exit_code == 0
    return path


@pytest.mark.parametrize("less", [1, 100, 350, 700])
def test_a_resized_bundle_is_the_one_that_bundle_writes(
    invoke, bundle: Path, toy_checkpoint: Path, tmp_path: Path, less: int
) -> None:
    budget, converter = bundle.stat().st_size - less, bundle.stem.rpartition("-")[2]
    resized = invoke("resize", bundle, "--budget", budget, "-o", tmp_path / "resized")
    assert (resized.exit_code, resized.stderr) == (0, "")
    arguments = ["--budget", budget, "--runtime", converter, "-o", tmp_path / "made"]
    made = invoke("bundle", toy_checkpoint, *arguments)
    assert made.exit_code == 0, made.output
    assert (tmp_path / "resized").read_bytes() == (tmp_path / "made").read_bytes()
    # The line about the bundle is the same too, up to its name.
    lines = [each.stdout.splitlines()[1].split()[1:] for each in (resized, made)]
    assert lines[0] == lines[1]


def test_a_budget_below_the_floor_has_ways_out_that_work(invoke, bundle: Path, tmp_path: Path) -> None:
    refused = invoke("resize", bundle, "--budget", "1KB", "-o", tmp_path / "x")
    assert refused.exit_code == 3
    assert re.search(r"needed [\d,]+ bytes, available 1,000 bytes, shortfall [\d,]+ bytes", refused.stderr)
    ways = re.findall(r"  \d\. Use --budget (\w+)", refused.stderr)
    assert len(ways) == 2
    for way in ways:
        assert invoke("resize", bundle, "--budget", way, "-o", tmp_path / way).exit_code == 0
    assert not (tmp_path / "x").exists()


def test_going_up_is_refused_and_says_how(invoke, small: Path, litert: Path, tmp_path: Path) -> None:
    refused = invoke("resize", small, "--budget", "1MB", "-o", tmp_path / "x")
    assert refused.exit_code == 2
    assert "cannot add any" in refused.stderr
    (largest,) = re.findall(r"1\. Use --budget (\d+),", refused.stderr)
    assert invoke("resize", small, "--budget", largest, "-o", tmp_path / "y").exit_code == 0
    assert not (tmp_path / "x").exists()


def test_a_delta_up_and_a_delta_down(invoke, litert: Path, small: Path, delta: Path, tmp_path: Path) -> None:
    up = invoke("patch", small, delta, "-o", tmp_path / "large")
    assert (up.exit_code, up.stderr) == (0, "")
    assert (tmp_path / "large").read_bytes() == litert.read_bytes()
    down = invoke("delta", litert, small, "-o", tmp_path / "down.ofad")
    assert "embeddings.bin" in down.stdout
    assert invoke("patch", litert, tmp_path / "down.ofad", "-o", tmp_path / "small").exit_code == 0
    assert (tmp_path / "small").read_bytes() == small.read_bytes()


def test_a_bundle_is_replaced_by_its_own_patched_one(invoke, litert: Path, small: Path, delta: Path, tmp_path) -> None:
    path = tmp_path / "mine.ofab"
    path.write_bytes(small.read_bytes())
    assert invoke("patch", path, delta, "-o", path, "--force").exit_code == 0
    assert path.read_bytes() == litert.read_bytes()


def test_another_runtime_shares_items_and_tiles(invoke, litert: Path, executorch: Path, tmp_path: Path) -> None:
    assert invoke("delta", litert, executorch, "-o", tmp_path / "d").exit_code == 0
    assert invoke("patch", litert, tmp_path / "d", "-o", tmp_path / "b").exit_code == 0
    assert (tmp_path / "b").read_bytes() == executorch.read_bytes()


def test_deltas_that_cannot_be_used(invoke, litert: Path, executorch: Path, small: Path, delta: Path, tmp_path) -> None:
    damaged = tmp_path / "damaged.ofad"
    damaged.write_bytes(delta.read_bytes()[:-1])
    empty = tmp_path / "empty.ofad"
    empty.touch()
    for arguments, code, sentence in (
        ((executorch, delta), 5, "Delta rejected: it was made for another bundle"),
        ((litert, delta), 5, "already its result"),
        ((small, damaged), 5, "Delta rejected"),
        ((small, empty), 5, "is empty"),
        ((small, litert), 5, "Delta rejected at manifest.json: the first entry is not delta.json"),
        ((delta, delta), 5, f"The file is {delta}."),
        ((small, tmp_path / "missing"), 2, "The delta"),
        ((tmp_path / "missing", delta), 2, "The bundle"),
    ):
        refused = invoke("patch", *arguments, "-o", tmp_path / "x")
        assert refused.exit_code == code, refused.output
        assert sentence in refused.stderr
        assert not (tmp_path / "x").exists()


def test_bundles_that_cannot_be_compared(invoke, litert: Path, delta: Path, tmp_path: Path) -> None:
    for arguments, code, sentence in (
        ((litert, litert), 2, "same file"),
        ((litert, delta), 5, f"The file is {delta}."),
        ((litert, tmp_path / "missing"), 2, "cannot be read"),
    ):
        refused = invoke("delta", *arguments, "-o", tmp_path / "x")
        assert refused.exit_code == code, refused.output
        assert sentence in refused.stderr
        assert not (tmp_path / "x").exists()


@pytest.fixture(params=["resize", "delta", "patch"])
def command(request: pytest.FixtureRequest, litert: Path, small: Path, delta: Path) -> list[str | Path]:
    """Each command in a form that works, without its output."""
    budget = str(small.stat().st_size)
    forms = {"resize": [litert, "--budget", budget], "delta": [small, litert], "patch": [small, delta]}
    return [request.param, *forms[request.param]]


def test_an_existing_output_needs_force(invoke, command: list[str | Path], tmp_path: Path) -> None:
    output = tmp_path / "mine"
    output.write_text("precious")
    refused = invoke(*command, "-o", output)
    assert refused.exit_code == 2
    assert "exists already; add --force" in refused.stderr
    assert output.read_text() == "precious"
    assert invoke(*command, "-o", output, "--force").exit_code == 0
    assert output.read_bytes().startswith(b"PK")


@pytest.mark.parametrize(("output", "sentence"), [("", "is a folder"), ("missing/x", "is not an existing folder")])
def test_an_output_that_cannot_be_written(
    invoke, command: list[str | Path], tmp_path: Path, output: str, sentence: str
) -> None:
    refused = invoke(*command, "-o", tmp_path / output)
    assert refused.exit_code == 2
    assert sentence in refused.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("before", [None, b"an older file"])
def test_a_run_killed_between_write_and_rename_changes_nothing(
    ofa, script: Path, command: list[str | Path], tmp_path: Path, before: bytes | None
) -> None:
    site, folder = tmp_path / "site", tmp_path / "out"
    site.mkdir()
    folder.mkdir()
    (site / "sitecustomize.py").write_text(DIES_BEFORE_THE_RENAME)
    output = folder / "mine"
    if before is not None:
        output.write_bytes(before)
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    arguments = [script, *command, "-o", output, "--force"]
    killed = subprocess.run(arguments, env=os.environ | {"PYTHONPATH": path}, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (output.read_bytes() if output.exists() else None) == before
    (left,) = [path for path in folder.iterdir() if path != output]
    assert left.name.startswith(".")
    assert ofa(*command, "-o", output, "--force").returncode == 0
    assert output.read_bytes().startswith(b"PK")
