"""`fleet` and `collect` as a user runs them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from store_servers import http, s3, s3_endpoint

__all__ = ["http", "s3", "s3_endpoint"]

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


def test_a_bucket_holds_a_fleet_like_a_folder(ofa, s3: str, fleet: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    import s3fs

    url = "s3://fleets/shop/autumn"
    command = ("fleet", toy_checkpoint, "--budgets", "1MB,165KB", "--runtime", "litert", "--workers", "2", "-o", url)
    made = ofa(*command)
    assert made.returncode == 0, made.stderr
    assert f"collect {url} toy-1MB-litert.ofab" in made.stdout
    files = s3fs.S3FileSystem()
    stored = {path.removeprefix("fleets/shop/autumn/"): files.cat_file(path) for path in files.find("fleets")}
    assert stored == {str(path.relative_to(fleet)): path.read_bytes() for path in fleet.rglob("*") if path.is_file()}
    entry = next(name for name in stored if name.startswith("entries/"))
    files.pipe_file(f"fleets/shop/autumn/{entry}", bytes(len(stored[entry])))
    resumed = ofa(*command, "--resume", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["made_again"] == [entry]
    assert files.cat_file(f"fleets/shop/autumn/{entry}") == stored[entry]
    taken = ofa("collect", url, "toy-165KB-litert.ofab", "-o", tmp_path / "from_bucket.ofab")
    assert taken.returncode == 0, taken.stderr
    assert ofa("collect", fleet, "toy-165KB-litert.ofab", "-o", tmp_path / "from_folder.ofab").returncode == 0
    assert (tmp_path / "from_bucket.ofab").read_bytes() == (tmp_path / "from_folder.ofab").read_bytes()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://fleetz/x", "There must be a bucket 'fleetz', which ofa-export does not make"),
        ("memory://x", "only as long as this command runs"),
        ("nosuch://x", "neither a folder nor a URL that fsspec knows"),
        ("http://127.0.0.1:9/x", "Nobody answers"),
    ],
)
def test_a_place_that_refuses_is_told_before_the_work_in_one_sentence(
    ofa, s3: str, toy_checkpoint: Path, tmp_path: Path, url: str, said: str
) -> None:
    # Without a cache, in which nothing may have been made.
    cache = tmp_path / "cache"
    refused = ofa("fleet", toy_checkpoint, "--budgets", "1MB", "-o", url, OFA_EXPORT_CACHE=str(cache))
    assert refused.returncode == 2
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not cache.exists()


def test_a_fleet_is_collected_over_http(invoke, http: str, fleet: Path, litert: Path, tmp_path: Path) -> None:
    shutil.copytree(fleet, tmp_path / "fleet")
    taken = invoke("collect", f"{http}/fleet", "toy-1MB-litert.ofab", "-o", tmp_path / "one.ofab")
    assert taken.exit_code == 0, taken.output
    assert (tmp_path / "one.ofab").read_bytes() == litert.read_bytes()
    for path, code, said in [("nothing", 5, "holds no fleet"), ("forbidden", 2, "Check the credentials")]:
        refused = invoke("collect", f"{http}/{path}")
        assert refused.exit_code == code
        assert said in refused.stderr
        assert "Traceback" not in refused.stderr
