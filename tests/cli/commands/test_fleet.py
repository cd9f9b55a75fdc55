"""`fleet` and `collect` as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def fleet(ofa, bundles: Path, toy_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fleet of the toy checkpoint whose first bundles are those of `bundles`."""
    folder = tmp_path_factory.mktemp("fleets")
    made = ofa("fleet", toy_checkpoint, "--budgets", "1MB,165KB", "--runtime", "litert", "-o", "fleet", cwd=folder)
    assert made.returncode == 0, made.stderr
    assert "toy-1MB-litert-g1.ofab" in made.stdout
    assert "Take one out with: ofa-export collect fleet toy-1MB-litert.ofab" in made.stdout
    return folder / "fleet"


def test_a_collected_bundle_is_the_file_of_bundle(ofa, fleet: Path, litert: Path, tmp_path: Path) -> None:
    taken = ofa("collect", fleet, "toy-1MB-litert.ofab", "-o", tmp_path / "one.ofab")
    assert taken.returncode == 0, taken.stderr
    assert (tmp_path / "one.ofab").read_bytes() == litert.read_bytes()
    assert ofa("collect", fleet, "-o", tmp_path / "all").returncode == 0
    assert len(list((tmp_path / "all").iterdir())) == 4
    again = ofa("collect", fleet, "-o", tmp_path / "all")
    assert again.returncode == 2
    assert "exists already" in again.stderr


def test_a_bundle_that_the_fleet_has_not(invoke, fleet: Path) -> None:
    result = invoke("collect", fleet, "toy-2MB-litert.ofab")
    assert result.exit_code == 2
    assert "Did you mean 'toy-1MB-litert.ofab'?" in result.stderr


def test_a_second_fleet_asks_what_to_do(ofa, fleet: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    command = ("fleet", toy_checkpoint, "--budgets", "1MB,165KB", "--runtime", "litert", "-o", fleet)
    refused = ofa(*command)
    assert refused.returncode == 2
    assert "add --resume to go on with it, --force to replace it" in refused.stderr
    page = tmp_path / "fleet.html"
    resumed = ofa(*command, "--resume", "--json", "--html", page)
    assert resumed.returncode == 0, resumed.stderr
    assert len(json.loads(resumed.stdout)["bundles"]) == 4
    assert "toy-165KB-litert.ofab" in page.read_text()


def test_a_fleet_that_cannot_be_made_whole_is_not_made_at_all(ofa, toy_checkpoint: Path, tmp_path: Path) -> None:
    failed = ofa(
        "fleet", toy_checkpoint, "--budgets", "1KB,1MB", "--runtime", "litert", "-o", "fleet", "--json", cwd=tmp_path
    )
    assert failed.returncode == 3
    assert json.loads(failed.stdout)["error"]["exit_code"] == 3
    assert "2 of 4 bundles cannot be made; nothing was written." in failed.stderr
    assert not (tmp_path / "fleet").exists()
