"""`bundle` under kills and in company: the output is whole or absent, the cache survives, the bytes are the same."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

DIES_BEFORE_THE_RENAME = "import os, signal\nos.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)\n"


@dataclass(frozen=True)
class Cold:
    """What happened on an empty cache: a run that was killed while it converted, then two runs at once."""

    killed_left: list[Path]
    codes: list[int]
    folders: list[Path]


@pytest.fixture(scope="session")
def start(script: Path, toy_checkpoint: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Starts `ofa-export bundle` of the toy checkpoint: start("-o", path, OFA_EXPORT_CACHE="...")."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.Popen[bytes]:
        command = [script, "bundle", toy_checkpoint, "--budget", "1MB", *arguments]
        return subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.DEVNULL)

    return run


@pytest.fixture(scope="session")
def cold(start, tmp_path_factory: pytest.TempPathFactory) -> Cold:
    cache = str(tmp_path_factory.mktemp("cold"))
    folders = [tmp_path_factory.mktemp(name) for name in ("killed", "first", "second")]
    process = start("-o", folders[0], OFA_EXPORT_CACHE=cache)
    time.sleep(12)
    process.kill()
    process.wait()
    left = list(folders[0].iterdir())
    together = [start("-o", folder, OFA_EXPORT_CACHE=cache) for folder in folders[1:]]
    return Cold(killed_left=left, codes=[process.wait() for process in together], folders=folders[1:])


def test_a_run_killed_while_it_converts_leaves_nothing(cold: Cold) -> None:
    assert cold.killed_left == []


def test_two_runs_at_once_on_the_cache_it_left_both_succeed(cold: Cold) -> None:
    assert cold.codes == [0, 0]


@pytest.mark.parametrize("runtime", ["litert", "executorch"])
def test_two_processes_folders_and_caches_give_the_same_bytes(cold: Cold, bundles: Path, runtime: str) -> None:
    name = f"toy-1MB-{runtime}.ofab"
    expected = (bundles / name).read_bytes()
    for folder in cold.folders:
        assert (folder / name).read_bytes() == expected


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
def test_a_run_killed_at_any_moment_leaves_all_or_nothing(start, litert: Path, tmp_path: Path, seconds: float) -> None:
    output = tmp_path / "mine.ofab"
    process = start("--runtime", "litert", "-o", output)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not output.exists() or output.read_bytes() == litert.read_bytes()
    assert start("--runtime", "litert", "-o", output, "--force").wait() == 0
    assert output.read_bytes() == litert.read_bytes()


@pytest.mark.parametrize("before", [None, b"an older bundle"])
def test_a_run_killed_between_write_and_rename_changes_nothing(
    start, litert: Path, tmp_path: Path, before: bytes | None
) -> None:
    site, folder = tmp_path / "site", tmp_path / "out"
    site.mkdir()
    folder.mkdir()
    # Python runs this at its start: the kernel's kill, at the very moment when the bytes are written but not renamed.
    (site / "sitecustomize.py").write_text(DIES_BEFORE_THE_RENAME)
    output = folder / "mine.ofab"
    if before is not None:
        output.write_bytes(before)
    process = start("--runtime", "litert", "-o", output, "--force", PYTHONPATH=str(site))
    assert process.wait() == -signal.SIGKILL
    assert (output.read_bytes() if output.exists() else None) == before
    (left,) = [path for path in folder.iterdir() if path != output]
    assert left.name.startswith(".")
    assert start("--runtime", "litert", "-o", output, "--force").wait() == 0
    assert output.read_bytes() == litert.read_bytes()


def test_two_runs_may_replace_the_same_file(start, litert: Path, tmp_path: Path) -> None:
    output = tmp_path / "mine.ofab"
    both = [start("--runtime", "litert", "-o", output, "--force") for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert output.read_bytes() == litert.read_bytes()
    assert list(tmp_path.iterdir()) == [output]
