"""For every test: one thread, a cache that is not the developer's own, a toy checkpoint, small processes.

PyTorch is not imported here, so that tests which need none start at once.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from ofa_export.support.content_cache import ENVIRONMENT_VARIABLE
from ofa_export.support.system_tools import PACKAGES
from ofa_export.targets.arm64.builds import LITERT
from ofa_export.targets.process.child_process import ChildProcess, last_lines

# Tensors this small only lose on several threads, and results must not depend on their number. Processes inherit it.
os.environ["OMP_NUM_THREADS"] = "1"

# `make check` and plain pytest try a few examples of each property, `make test` many.
settings.register_profile("fast", max_examples=25, deadline=None)
settings.register_profile("thorough", max_examples=200, deadline=None)

TOOLS = {"android": PACKAGES["android"], "arm64": LITERT.tools, "apk": PACKAGES["apk"]}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have slow tests: when one process runs out of files, the other is in a short one."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


# How a process answers as a phone's library would, in a few lines of Python.
SPEAK = """
import os, signal, socket, struct, sys, time
connection = socket.socket(fileno=0)

def receive():
    def exactly(count):
        content = b""
        while len(content) < count:
            chunk = connection.recv(count - len(content))
            if not chunk:
                sys.exit()
            content += chunk
        return content
    return exactly(*struct.unpack(">I", exactly(4)))

def reply(content, status=0):
    connection.sendall(struct.pack(">IB", len(content) + 1, status) + content)
"""

Start = Callable[..., ChildProcess]
MadeOnce = Callable[[str, Callable[[Path], object]], Path]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what needs a phone's libraries or kernels where they cannot run; `.ci/run` installs what is missing."""
    if marker := item.get_closest_marker("android"):
        tools = TOOLS[marker.kwargs.get("target", "android")]
        if missing := [tool for tool in tools if shutil.which(tool) is None]:
            pytest.skip(f"needs {', '.join(missing)}")


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Hides distributions from whoever asks Python for them: without("torch")."""

    def hide(*names: str) -> None:
        found = metadata.distribution

        def distribution(name: str) -> metadata.Distribution:
            if name in names:
                raise metadata.PackageNotFoundError(name)
            return found(name)

        monkeypatch.setattr(metadata, "distribution", distribution)

    return hide


@pytest.fixture
def only_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine with just these programs: only_programs(npm="exit 1"), each a line of the shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def install(**programs: str) -> None:
        for name, line in programs.items():
            (folder / name).write_text(f"#!/bin/sh\n{line}\n")
            (folder / name).chmod(0o755)

    return install


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process whose script can `receive()` a request and `reply(content, status)`."""
    with ExitStack() as stack:

        def start_process(script: str, *, time_limit_s: float = 20.0) -> ChildProcess:
            child = ChildProcess(
                [sys.executable, "-S", "-c", SPEAK + script],
                folder=tmp_path,
                environment=os.environ,
                runtime="The toy runtime",
                time_limit_s=time_limit_s,
                last_words=last_lines,
            )
            stack.callback(child.close)
            return child

        yield start_process


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all workers of this run share."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def made_once(run_folder: Path) -> MadeOnce:
    """Makes a folder for all workers of this run; they wait for the one that makes it: made_once("trained", train)."""

    def made(name: str, make: Callable[[Path], object]) -> Path:
        path, unfinished = run_folder / name, run_folder / f"{name}.unfinished"
        with FileLock(run_folder / f"{name}.lock"):
            if not path.exists():
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                make(unfinished)
                unfinished.rename(path)
        return path

    return made


@pytest.fixture(scope="session", autouse=True)
def cache_of_this_run(run_folder: Path) -> Iterator[None]:
    """A cache for all workers that lasts for this run, unless the environment names one that lasts longer."""
    with pytest.MonkeyPatch.context() as patch:
        if ENVIRONMENT_VARIABLE not in os.environ:
            patch.setenv(ENVIRONMENT_VARIABLE, str(run_folder / "cache"))
        yield


@pytest.fixture(scope="session")
def toy_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained checkpoint whose gates differ between histories and whose thetas matter.

    It has two user groups and validation histories of all lengths; real converters take seconds for it.
    """
    from toys import save_checkpoint, two_group_model

    return save_checkpoint(tmp_path_factory.mktemp("checkpoints") / "toy", two_group_model())
