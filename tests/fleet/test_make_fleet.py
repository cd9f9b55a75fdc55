from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ofa_export.bundle.writer import write_bundle
from ofa_export.errors import ConfigError, OutputError, RefusedBundlesError
from ofa_export.fleet.collect import collect
from ofa_export.fleet.fleet_page import fleet_html
from ofa_export.fleet.fleet_recipe import FleetRecipe, fleet_jobs
from ofa_export.fleet.index import FleetIndex
from ofa_export.fleet.make_fleet import check_place, make_fleet
from ofa_export.fleet.runners import Runner, process_runner
from ofa_export.fleet.store import FleetStore
from ofa_export.planning.bundle_job import Job
from ofa_export.support.progress_callback import no_progress

pytestmark = pytest.mark.integration


def silent(what: str, done: int, total: int) -> None:
    """Nobody is told."""


def made(jobs: tuple[Job, ...], url: str, runner: Runner, *, resume: bool = False) -> FleetIndex:
    return make_fleet(jobs, FleetStore(url), runner=runner, resume=resume, progress=silent)


def as_bundle(job: Job, path: Path) -> bytes:
    """The file that `bundle` writes for this job."""
    _, plan = job.plan(progress=no_progress)
    write_bundle(path, plan.contents, tiles=plan.tiles, budget=plan.budget, force=True)
    return path.read_bytes()


@pytest.fixture
def jobs(toy_checkpoint: Path, recipe: FleetRecipe) -> tuple[Job, ...]:
    return fleet_jobs(toy_checkpoint, recipe)


def test_every_bundle_is_the_file_that_bundle_writes(jobs: tuple[Job, ...], url: str, tmp_path: Path) -> None:
    index = made(jobs, url, process_runner(2))
    assert len(index.bundles) == 6
    for job, planned in zip(jobs, index.bundles, strict=True):
        path = tmp_path / job.file_name
        collect(FleetStore(url), planned.name, path, force=False)
        assert path.read_bytes() == as_bundle(job, tmp_path / "other.ofab")
        assert planned.bytes == path.stat().st_size <= planned.budget_bytes
    assert FleetStore(url).index() == index


def test_what_bundles_share_is_stored_once(jobs: tuple[Job, ...], url: str, inline: Runner) -> None:
    index, store = made(jobs, url, inline), FleetStore(url)
    listed = {entry.sha256: entry for one in index.bundles for entry in store.manifest(one.name).entries}
    assert {path.name for path in (Path(url) / "entries").iterdir()} == set(listed)
    assert len([entry for entry in listed.values() if entry.name.startswith("graphs.")]) == 1
    assert store.stored_bytes() < sum(one.bytes for one in index.bundles) / 2


@pytest.mark.parametrize("writes", [1, 2, 8, 14])
def test_a_fleet_that_was_killed_goes_on(
    toy_checkpoint: Path, jobs: tuple[Job, ...], url: str, tmp_path: Path, inline: Runner, writes: int
) -> None:
    whole = str(tmp_path / "whole")
    made(jobs, whole, inline)
    script = str(Path(__file__).with_name("killed_fleet.py"))
    killed = subprocess.run([sys.executable, script, str(toy_checkpoint), url, str(writes)], check=False)
    assert killed.returncode == -signal.SIGKILL
    check_place(FleetStore(url), resume=True, force=False)
    made(jobs, url, inline, resume=True)
    files = {path.relative_to(url): path.read_bytes() for path in Path(url).rglob("*") if path.is_file()}
    assert files == {path.relative_to(whole): path.read_bytes() for path in Path(whole).rglob("*") if path.is_file()}


def test_going_on_does_again_only_what_is_missing(jobs: tuple[Job, ...], url: str, inline: Runner) -> None:
    made(jobs, url, inline)
    missing = Path(url) / "bundles" / f"{jobs[2].file_name}.json"
    missing.unlink()
    asked: list[tuple[str, int]] = []

    def counting(function: Callable[..., object], tasks: list[object]) -> Iterator[object]:
        asked.append((getattr(function, "__name__", "write"), len(tasks)))
        yield from inline(function, tasks)

    made(jobs, url, counting, resume=True)  # type: ignore[arg-type]
    assert asked == [("plan_bundle", 6), ("write", 1)]
    assert missing.exists()


def test_nothing_is_written_when_one_bundle_cannot_be_made(toy_checkpoint: Path, url: str, inline: Runner) -> None:
    recipe = FleetRecipe(budgets=("100KB", "1MB"), runtime="litert")
    with pytest.raises(RefusedBundlesError) as caught:
        made(fleet_jobs(toy_checkpoint, recipe), url, inline)
    assert caught.value.exit_code == 3
    assert str(caught.value).startswith(
        "2 of 4 bundles cannot be made; nothing was written.\ntoy-100KB-litert.ofab: The budget cannot be met: needed "
    )
    assert "1. Use --budget" in str(caught.value)
    assert not Path(url).exists()


def test_another_fleet_is_not_gone_on_with(
    toy_checkpoint: Path, jobs: tuple[Job, ...], url: str, inline: Runner
) -> None:
    made(jobs, url, inline)
    before = (Path(url) / "fleet.json").read_bytes()
    other = fleet_jobs(toy_checkpoint, FleetRecipe(budgets=("1MB",), runtime="litert"))
    with pytest.raises(ConfigError, match="holds another fleet"):
        made(other, url, inline, resume=True)
    assert (Path(url) / "fleet.json").read_bytes() == before
    made(other, url, inline)
    assert len(list((Path(url) / "bundles").iterdir())) == 2


def test_a_place_with_something_in_it_is_left_alone(jobs: tuple[Job, ...], url: str, inline: Runner) -> None:
    store = FleetStore(url)
    check_place(store, resume=False, force=False)
    made(jobs, url, inline)
    with pytest.raises(OutputError, match="add --resume to go on with it, --force to replace it"):
        check_place(store, resume=False, force=False)
    check_place(store, resume=True, force=False)
    check_place(store, resume=False, force=True)
    (Path(url) / "fleet.json").unlink()
    with pytest.raises(OutputError, match="holds other files"):
        check_place(store, resume=False, force=True)


def test_any_place_of_fsspec_will_do(jobs: tuple[Job, ...], tmp_path: Path, inline: Runner) -> None:
    index = made(jobs[:1], "memory://fleets/one", inline)
    path = tmp_path / "one.ofab"
    collect(FleetStore("memory://fleets/one"), index.bundles[0].name, path, force=False)
    assert path.read_bytes() == as_bundle(jobs[0], tmp_path / "other.ofab")


def test_the_page_shows_every_bundle_and_needs_nothing_else(jobs: tuple[Job, ...], url: str, inline: Runner) -> None:
    index = made(jobs, url, inline)
    page = fleet_html(index, stored=1000)
    assert all(one.name in page for one in index.bundles)
    assert "<script" not in page
    assert "http" not in page
