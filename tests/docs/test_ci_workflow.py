"""The workflows and the action are valid, and the commands do on the golden bundles what docs/ci.md says they do."""

from __future__ import annotations

import hashlib
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

WORKFLOW = shipped("docs", "ci", "validate-bundles.yml")
OWN_WORKFLOW = shipped(".github", "workflows", "ci.yml")
ACTION = shipped(".github", "actions", "validate-bundles", "action.yml")
GOLDEN = shipped("artifacts", "golden")


@pytest.fixture(scope="module")
def action() -> dict[str, Any]:
    content = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    assert content["runs"]["using"] == "composite"
    return dict(content)


def step(action: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (one for one in action["runs"]["steps"] if one["name"] == name)
    return dict(found)


@pytest.mark.parametrize("path", [WORKFLOW, OWN_WORKFLOW], ids=lambda path: path.stem)
def test_a_workflow_may_read_only_and_calls_the_action_with_its_inputs(path: Path, action: dict[str, Any]) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML 1.1 reads the key `on` as true.
    assert {"name", True, "permissions", "jobs"} <= set(workflow)
    assert workflow["permissions"] == {"contents": "read"}
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    folder = ACTION.parent.relative_to(ACTION.parents[3]).as_posix()
    (call,) = (one for one in steps if folder in one.get("uses", ""))
    required = {name for name, given in action["inputs"].items() if given.get("required")}
    assert required <= set(call["with"]) <= set(action["inputs"])
    for one in steps:
        assert ("run" in one) != ("uses" in one)
        assert one is call or re.fullmatch(r"actions/[a-z-]+@v\d+", one.get("uses", "actions/x@v1"))


def test_every_step_of_the_action_is_an_action_of_a_fixed_version_or_a_command(action: dict[str, Any]) -> None:
    for one in action["runs"]["steps"]:
        assert ("run" in one) != ("uses" in one)
        assert ("run" in one) == (one.get("shell") == "bash")
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", one.get("uses", "actions/x@v1"))
        # An input is handed over as an environment variable, never pasted into a script.
        assert "${{" not in one.get("run", "")


def test_the_own_workflow_runs_what_ci_runs() -> None:
    commands = [step.get("run") for step in yaml.safe_load(OWN_WORKFLOW.read_text())["jobs"]["everything"]["steps"]]
    assert ".ci/run" in commands
    assert os.access(shipped(".ci", "run"), os.X_OK)


def test_the_versions_step_names_the_cache_by_the_constraints(action: dict[str, Any], tmp_path: Path) -> None:
    output = tmp_path / "output"
    environment = os.environ | {"GITHUB_ACTION_PATH": str(ACTION.parent), "GITHUB_OUTPUT": str(output)}
    subprocess.run(["bash", "-e", "-c", step(action, "Versions")["run"]], env=environment, check=True)
    digest = hashlib.sha256(shipped("constraints.txt").read_bytes()).hexdigest()
    assert output.read_text() == f"key={digest[:16]}\n"


def test_the_install_step_names_what_the_repository_has(action: dict[str, Any]) -> None:
    enter, install = step(action, "Install")["run"].splitlines()
    found = subprocess.run(
        ["bash", "-e", "-c", f"{enter}; pwd"],
        env=os.environ | {"GITHUB_ACTION_PATH": str(ACTION.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    root = Path(found.stdout.strip())
    assert root.samefile(shipped("pyproject.toml").parent) and (root / "constraints.txt").is_file()
    assert install == 'python -m pip install -c constraints.txt ".[litert,executorch,report]"'


def test_the_cache_is_where_the_commands_look_for_it(action: dict[str, Any]) -> None:
    folder = step(action, "Validate")["env"]["OFA_EXPORT_CACHE"].removeprefix("${{ github.workspace }}/")
    assert folder in step(action, "Cache of packages and conversions")["with"]["path"].split()


def test_reports_are_kept_whatever_the_verdict(action: dict[str, Any]) -> None:
    reports = step(action, "Reports")
    assert reports["if"] == "always()"
    for path in reports["with"]["path"].split():
        assert path in step(action, "Validate")["run"].split()


@pytest.fixture
def run_validate(action: dict[str, Any], tmp_path: Path) -> Callable[[], subprocess.CompletedProcess[str]]:
    """Run the step as GitHub does for the workflow of the docs, in a workspace with the sample as checkpoint."""
    (job,) = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"].values()
    given = {name: declared.get("default") for name, declared in action["inputs"].items()} | job["steps"][-1]["with"]
    (tmp_path / given["checkpoint"]).symlink_to(shipped("artifacts", "sample"))
    (tmp_path / "artifacts" / "phones" / "small").mkdir(parents=True)
    contexts = {f"inputs.{name}": value for name, value in given.items()} | {"github.workspace": str(tmp_path)}
    environment = {
        name: re.sub(r"\$\{\{ (\S+) \}\}", lambda found: contexts[found[1]], value)
        for name, value in step(action, "Validate")["env"].items()
    }
    Path(environment["OFA_EXPORT_CACHE"]).symlink_to(os.environ["OFA_EXPORT_CACHE"])

    def run() -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-e", "-c", step(action, "Validate")["run"]],
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
