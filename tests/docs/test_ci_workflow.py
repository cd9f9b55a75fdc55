"""The workflow file for users is valid, and its commands do on the golden bundles what docs/ci.md says they do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from ofa_export.support.resources import shipped

FILE = shipped("docs", "ci", "validate-bundles.yml")
GOLDEN = shipped("artifacts", "golden")


@pytest.fixture(scope="module")
def job() -> dict[str, Any]:
    workflow = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    # YAML 1.1 reads the key `on` as true.
    assert set(workflow) == {"name", True, "permissions", "jobs"}
    assert workflow["permissions"] == {"contents": "read"}
    (only,) = workflow["jobs"].values()
    return dict(only)


def step(job: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (one for one in job["steps"] if one["name"] == name)
    return dict(found)


def test_every_step_is_an_action_of_a_fixed_version_or_a_command(job: dict[str, Any]) -> None:
    for one in job["steps"]:
        assert ("run" in one) != ("uses" in one)
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", one.get("uses", "actions/x@v1"))


def test_the_install_step_names_what_the_repository_has(job: dict[str, Any]) -> None:
    toolkit = step(job, "Toolkit")["with"]["path"]
    command = step(job, "Install")["run"]
    assert command == f"python -m pip install -c {toolkit}/constraints.txt ./{toolkit}"
    assert shipped("constraints.txt").is_file() and shipped("pyproject.toml").is_file()


def test_the_cache_is_where_the_commands_look_for_it(job: dict[str, Any]) -> None:
    assert (
        job["env"]["OFA_EXPORT_CACHE"] == "${{ github.workspace }}/" + step(job, "Cache of conversions")["with"]["path"]
    )


def test_reports_are_kept_whatever_the_verdict(job: dict[str, Any]) -> None:
    reports = step(job, "Reports")
    assert reports["if"] == "always()"
    for path in reports["with"]["path"].split():
        assert path in step(job, "Validate")["run"].split()


@pytest.fixture
def run_validate(job: dict[str, Any], tmp_path: Path) -> Callable[[], subprocess.CompletedProcess[str]]:
    """Runs the step as GitHub does, in a workspace with the sample as checkpoint."""
    (tmp_path / job["env"]["CHECKPOINT"]).symlink_to(shipped("artifacts", "sample"))
    (tmp_path / "artifacts" / "phones" / "small").mkdir(parents=True)
    environment = {name: value.replace("${{ github.workspace }}", str(tmp_path)) for name, value in job["env"].items()}
    Path(environment["OFA_EXPORT_CACHE"]).symlink_to(os.environ["OFA_EXPORT_CACHE"])

    def run() -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-e", "-c", step(job, "Validate")["run"]],
            cwd=tmp_path,
            env=os.environ | environment | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.integration
def test_the_golden_bundle_passes_and_a_broken_one_beside_it_does_not(
    run_validate: Callable[[], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    sound = GOLDEN / "sample-420KB-litert.ofab"
    shutil.copy(sound, tmp_path / "artifacts" / "phones" / "small")
    done = run_validate()
    assert done.returncode == 0, done.stdout + done.stderr
    suites = ElementTree.parse(tmp_path / "report.xml").getroot()
    assert [(suite.get("name"), suite.get("failures")) for suite in suites] == [(sound.name, "0")]
    assert "NDCG@10 against bytes" in (tmp_path / "report.html").read_text(encoding="utf-8")

    (tmp_path / "report.xml").unlink()
    (tmp_path / "report.html").unlink()
    (tmp_path / "artifacts" / "broken.ofab").write_bytes(sound.read_bytes()[:-1])
    done = run_validate()
    assert done.returncode == 5, done.stdout + done.stderr
    suites = ElementTree.parse(tmp_path / "report.xml").getroot()
    found = {suite.get("name"): (int(suite.get("tests", 0)), int(suite.get("failures", 0))) for suite in suites}
    assert found["broken.ofab"] == (1, 1)
    assert found[sound.name][0] > 30 and found[sound.name][1] == 0
    assert "REJECTED" in (tmp_path / "report.html").read_text(encoding="utf-8")
