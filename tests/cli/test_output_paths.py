"""Outputs are never overwritten by accident, and are complete or absent."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration


@pytest.fixture
def bundle(ofa, bundles: Path, toy_checkpoint: Path):
    """`ofa-export bundle` of the toy checkpoint for one runtime, its complete bundle in the cache."""

    def run(*arguments: str | Path, **options) -> subprocess.CompletedProcess[str]:
        return ofa("bundle", toy_checkpoint, "--budget", "1MB", "--runtime", "litert", *arguments, **options)

    return run


def test_an_existing_file_needs_force(bundle, litert: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.ofab"
    path.write_text("precious")
    refused = bundle("-o", path)
    assert refused.returncode == 2
    assert "exists already; add --force" in refused.stderr
    assert path.read_text() == "precious"
    assert bundle("-o", path, "--force").returncode == 0
    assert path.read_bytes() == litert.read_bytes()


def test_a_folder_takes_the_bundle_under_its_own_name(bundle, litert: Path, tmp_path: Path) -> None:
    assert bundle("-o", tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == [litert.name]


@pytest.mark.parametrize("parent", ["missing", "file"])
def test_a_parent_that_is_no_folder(bundle, tmp_path: Path, parent: str) -> None:
    (tmp_path / "file").touch()
    refused = bundle("-o", tmp_path / parent / "mine.ofab")
    assert refused.returncode == 2
    assert "is not an existing folder" in refused.stderr


def test_the_bundle_of_every_group_goes_into_a_new_folder(ofa, bundles: Path, toy_checkpoint: Path, tmp_path) -> None:
    arguments = ["bundle", toy_checkpoint, "--budget", "1MB", "--runtime", "litert", "--group", "all"]
    assert ofa(*arguments, "-o", "out", cwd=tmp_path).returncode == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"toy-1MB-litert.ofab", "toy-1MB-litert-g1.ofab"}
    assert ofa(*arguments, "-o", "out", cwd=tmp_path).returncode == 2


def test_a_budget_that_only_one_runtime_meets_leaves_nothing(
    ofa, litert: Path, executorch: Path, toy_checkpoint: Path, tmp_path: Path
) -> None:
    smaller, larger = sorted(path.stat().st_size for path in (litert, executorch))
    assert larger - smaller > 4_000
    budget = str((smaller + larger) // 2 - 2_000)
    refused = ofa("bundle", toy_checkpoint, "--budget", budget, "-o", tmp_path / "out")
    assert refused.returncode == 3
    assert "shortfall" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_an_existing_plan_and_report_need_force(ofa, bundles: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.touch()
    arguments = ["plan", toy_checkpoint, "--budget", "1MB", "-o", path]
    assert ofa(*arguments).returncode == 2
    assert ofa(*arguments, "--force").returncode == 0
    assert "tiles: 48" in path.read_text()
    for option in ("--junit", "--html"):
        refused = ofa("validate", tmp_path / "x.ofab", option, path)
        assert refused.returncode == 2
        assert "exists already" in refused.stderr


def test_the_resolved_recipe_makes_the_same_bytes(ofa, litert: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    budget = str(litert.stat().st_size - 300)
    assert ofa("plan", toy_checkpoint, "--budget", budget, "-o", tmp_path / "plan.yaml").returncode == 0
    made = []
    for name, recipe in (("a.ofab", "int8"), ("b.ofab", tmp_path / "plan.yaml")):
        arguments = ["--budget", budget, "--runtime", "litert", "--recipe", recipe, "-o", tmp_path / name]
        assert ofa("bundle", toy_checkpoint, *arguments).returncode == 0
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]


def mounted(folder: Path, options: str, command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    """Runs a command that sees a small file system of its own at `folder`, then lists what it left there."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    enter = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    mount = f"mount -t tmpfs -o {options} none {folder}"
    if subprocess.run([*enter, "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let a test mount a tmpfs")
    script = f'{mount}; "$@"; code=$?; ls -A {folder} | sed "s/^/left: /"; exit $code'
    return subprocess.run([*enter, "sh", "-c", script, "sh", *command], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [("size=64k", "No space left on device"), ("ro", "no permission to write")],
    ids=["full", "read-only"],
)
def test_a_disk_that_takes_no_more(
    script: Path, litert: Path, toy_checkpoint: Path, tmp_path: Path, options: str, sentence: str
) -> None:
    arguments = ["bundle", toy_checkpoint, "--budget", "1MB", "--runtime", "litert", "-o", tmp_path / "mine.ofab"]
    finished = mounted(tmp_path, options, [script, *arguments])
    assert finished.returncode == 2
    assert sentence in finished.stderr
    assert "left:" not in finished.stdout
