"""For every test: one PyTorch thread, a cache that is not the developer's own, a toy checkpoint, small processes."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch

from ofa_export.bundle.tile_order import plane_order
from ofa_export.model.checkpoint import Checkpoint, CheckpointConfig, DataCard, ValidationSet, checkpoint_files
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.support.content_cache import ENVIRONMENT_VARIABLE
from ofa_export.support.system_tools import PACKAGES
from ofa_export.targets.arm64.builds import LITERT
from ofa_export.targets.process.child_process import ChildProcess, last_lines

TOY = ModelConfig(items=60, width=16, depth=2, heads=2, history_length=8, rank=2, item_groups=3, user_groups=2)
TOY_HISTORIES = 24
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


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what needs a phone's libraries or kernels where they cannot run; `.ci/run` installs what is missing."""
    if marker := item.get_closest_marker("android"):
        tools = TOOLS[marker.kwargs.get("target", "android")]
        if missing := [tool for tool in tools if shutil.which(tool) is None]:
            pytest.skip(f"needs {', '.join(missing)}")


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


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> Iterator[None]:
    """Tensors this small only lose on several threads, and results must not depend on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def cache_of_this_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache that lasts for this run, unless the environment names one that lasts longer."""
    with pytest.MonkeyPatch.context() as patch:
        if ENVIRONMENT_VARIABLE not in os.environ:
            patch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def toy_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained checkpoint whose gates differ between histories and whose thetas matter.

    It has two user groups and validation histories of all lengths; real converters take seconds for it.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(5)
        model = AdaptiveRecommender(TOY).eval().requires_grad_(False)
        for generator in model.mapper.generators:
            generator.out.weight.normal_(0, 0.05)
            generator.out.bias.normal_(0, 0.05)
        model.controller.head_out.weight.normal_(0, 1.5)
        model.controller.head_out.bias.copy_(torch.tensor([0.0, 0.5, 0.0, 0.5]))
    rng = np.random.default_rng(3)
    histories, targets = np.full((TOY_HISTORIES, TOY.history_length), -1, np.int32), np.empty(TOY_HISTORIES, np.int32)
    for number in range(TOY_HISTORIES):
        length = 1 + number % TOY.history_length
        *history, targets[number] = rng.permutation(TOY.items)[: length + 1]
        histories[number, -length:] = history
    G_u, G_v, N = TOY.user_groups, TOY.item_groups, TOY.embedding_blocks
    files = checkpoint_files(
        Checkpoint(
            config=CheckpointConfig(
                model=TOY,
                data=DataCard(name="toy", licence="CC0-1.0", attribution="Drawn by nobody.", exclude_history=True),
                order="planes",
            ),
            model=model,
            importance=np.ones((G_u, G_v, N), np.float32),
            tile_orders=(plane_order(G_v, N),) * G_u,
            centroids=np.zeros((G_u, TOY.width), np.float32),
            item_keys=tuple(f"K{row}" for row in range(TOY.items)),
            item_titles=tuple(f"Title {row}" for row in range(TOY.items)),
            validation=ValidationSet(
                histories=histories, targets=targets, user_groups=np.arange(TOY_HISTORIES, dtype=np.int32) % G_u
            ),
        )
    )
    folder = tmp_path_factory.mktemp("checkpoints") / "toy"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
