from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ofa_export.bundle.writer import write_bundle
from ofa_export.errors import ConfigError, FleetError, OutputError, RefusedBundlesError
from ofa_export.fleet.collect import collect
from ofa_export.fleet.fleet_page import fleet_html
from ofa_export.fleet.fleet_recipe import FleetRecipe, fleet_jobs
from ofa_export.fleet.index import FleetIndex
from ofa_export.fleet.make_fleet import MadeFleet, make_fleet
from ofa_export.fleet.runners import Runner, process_runner
from ofa_export.fleet.store import FleetStore
from ofa_export.planning.bundle_job import Job
from ofa_export.support.progress_callback import no_progress

pytestmark = pytest.mark.integration


def silent(what: str, done: int, total: int) -> None:
    """Nobody is told."""


def made(jobs: tuple[Job, ...], url: str, runner: Runner, *, resume: bool = False, force: bool = False) -> FleetIndex:
    return again(jobs, url, runner, resume=resume, force=force).index


def again(jobs: tuple[Job, ...], url: str, runner: Runner, *, resume: bool = True, force: bool = False) -> MadeFleet:
    return make_fleet(jobs, FleetStore(url), runner=runner, resume=resume, force=force, progress=silent)


def content(folder: str) -> dict[Path, bytes]:
    """Everything in a folder."""
    return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


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
        collect(FleetStore(url), planned, path, force=False)
        assert path.read_bytes() == as_bundle(job, tmp_path / "other.ofab")
        assert planned.bytes == path.stat().st_size <= planned.budget_bytes
    assert FleetStore(url).index() == index


def test_what_bundles_share_is_stored_once(jobs: tuple[Job, ...], url: str, inline: Runner) -> None:
    index, store = made(jobs, url, inline), FleetStore(url)
    listed = {entry.sha256: entry for one in index.bundles for entry in store.manifest(one).entries}
    assert {path.name for path in (Path(url) / "entries").iterdir()} == set(listed)
    assert len([entry for entry in listed.values() if entry.name.startswith("graphs.")]) == 1
    assert store.stored_bytes() < sum(one.bytes for one in index.bundles) / 2


@pytest.mark.parametrize("writes", [2, 3, 4, 12, None])
def test_a_fleet_that_was_killed_goes_on(
    toy_checkpoint: Path, jobs: tuple[Job, ...], url: str, tmp_path: Path, inline: Runner, writes: int | None
) -> None:
    whole = str(tmp_path / "whole")
    made(jobs, whole, inline)
    # The mark twice and the plan come before what stays, whose last is the index.
    last = 3 + len(content(whole))
    script = str(Path(__file__).with_name("killed_fleet.py"))
    killed = subprocess.run([sys.executable, script, str(toy_checkpoint), url, str(writes or last)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(Path(url).rglob(".ofa-*.part"))
    with pytest.raises(FleetError, match="not whole yet" if writes != 2 and writes != 3 else "holds no fleet"):
        FleetStore(url).index()
    made(jobs, url, inline, resume=True)
    assert content(url) == content(whole)


def test_going_on_does_again_only_what_is_missing(jobs: tuple[Job, ...], url: str, inline: Runner) -> None:
    made(jobs, url, inline)
    before = content(url)
    (Path(url) / "bundles" / f"{jobs[2].file_name}.json").unlink()
    asked: list[tuple[str, int]] = []

    def counting(function: Any, tasks: list[object]) -> Iterator[object]:
        asked.append((function.func.__name__, len(tasks)))
        yield from inline(function, tasks)

    assert again(jobs, url, counting).made_again == ()  # type: ignore[arg-type]
    assert asked == [("plan_bundle", 6), ("write_bundle_to", 1)]
    assert content(url) == before


def test_other_bytes_of_equal_size_are_made_again_and_told(jobs: tuple[Job, ...], url: str, inline: Runner) -> None:
    index = made(jobs, url, inline)
    before = content(url)
    entry = FleetStore(url).manifest(index.bundles[0]).entries[1]
    path = Path(url) / "entries" / entry.sha256
    path.write_bytes(bytes(entry.bytes))
    assert again(jobs, url, inline).made_again == (f"entries/{entry.sha256}",)
    assert content(url) == before


def test_workers_that_write_elsewhere_are_found_before_they_begin(jobs: tuple[Job, ...]) -> None:
    with pytest.raises(RefusedBundlesError) as caught:
        made(jobs, "memory://elsewhere", process_runner(1))
    assert caught.value.exit_code == 2
    assert str(caught.value).count("does not see what this command writes to 'memory://elsewhere'") == 1
    assert not FleetStore("memory://elsewhere").exists()


def test_a_disk_that_takes_no_more_is_told_and_a_following_run_recovers(
    jobs: tuple[Job, ...], url: str, tmp_path: Path, inline: Runner
) -> None:
    whole = str(tmp_path / "whole")
    made(jobs, whole, inline)
    largest = max(len(each) for each in content(whole).values())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest - 1, limits[1]))
    try:
        with pytest.raises(
            OutputError, match=r"of 6 bundles could not be stored; the others stay.*--resume.*too large"
        ):
            made(jobs, url, inline)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(Path(url).rglob(".ofa-*"))
    made(jobs, url, inline, resume=True)
    assert content(url) == content(whole)


def test_nothing_is_written_when_one_bundle_cannot_be_made(toy_checkpoint: Path, url: str, inline: Runner) -> None:
    recipe = FleetRecipe(budgets=("100KB", "1MB"), runtime="litert")
    with pytest.raises(RefusedBundlesError) as caught:
        made(fleet_jobs(toy_checkpoint, recipe), url, inline)
    assert caught.value.exit_code == 3
    assert str(caught.value).startswith(
        "2 of 4 bundles cannot be made; nothing was written.\n  toy-100KB-litert.ofab: The budget cannot be met: "
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
    made(other, url, inline, force=True)
    assert len(list((Path(url) / "bundles").iterdir())) == 2
    with pytest.raises(OutputError, match="add --resume to go on with it"):
        made(jobs, url, inline)


def test_a_place_with_something_in_it_is_left_alone(jobs: tuple[Job, ...], url: str, inline: Runner) -> None:
    store = FleetStore(url)
    store.check_free(resume=False, force=False)
    made(jobs, url, inline)
    with pytest.raises(OutputError, match="add --resume to go on with it, --force to replace it"):
        store.check_free(resume=False, force=False)
    store.check_free(resume=True, force=False)
    store.check_free(resume=False, force=True)
    (Path(url) / "fleet.json").unlink()
    with pytest.raises(OutputError, match="holds other files"):
        store.check_free(resume=False, force=True)


def test_any_place_of_fsspec_will_do(jobs: tuple[Job, ...], tmp_path: Path, inline: Runner) -> None:
    index = made(jobs[:1], "memory://fleets/one", inline)
    path = tmp_path / "one.ofab"
    collect(FleetStore("memory://fleets/one"), index.bundles[0], path, force=False)
    assert path.read_bytes() == as_bundle(jobs[0], tmp_path / "other.ofab")


def test_the_page_shows_every_bundle_and_needs_nothing_else(jobs: tuple[Job, ...], url: str, inline: Runner) -> None:
    index = made(jobs, url, inline)
    page = fleet_html(index, stored=1000)
    assert all(one.name in page for one in index.bundles)
    assert "<script" not in page
    assert "http" not in page
