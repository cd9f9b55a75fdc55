"""The command as a user runs it, the same in this process, and bundles of the toy checkpoint for both runtimes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ofa_export.cli.app import app
from ofa_export.converters.registry import GROUP

BUDGET = "1MB"

Ofa = Callable[..., subprocess.CompletedProcess[str]]
Invoke = Callable[..., Result]


@pytest.fixture(scope="session")
def script() -> Path:
    """The console script of the environment that runs the tests."""
    return Path(sys.executable).with_name("ofa-export")


@pytest.fixture(scope="session")
def ofa(script: Path) -> Ofa:
    """Runs the console script in a process of its own: ofa("bundle", "--budget", "4MB", OFA_EXPORT_CACHE="...")."""

    def run(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [script, *arguments], cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture(scope="session")
def invoke() -> Invoke:
    """Runs the command in this process: quicker, for what does not convert."""

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture(scope="session")
def bundles(ofa: Ofa, toy_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the toy checkpoint's bundle for each runtime; both complete bundles stay in the cache."""
    folder = tmp_path_factory.mktemp("bundles")
    made = ofa("bundle", toy_checkpoint, "--budget", BUDGET, "-o", folder)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="session")
def litert(bundles: Path) -> Path:
    return bundles / f"toy-{BUDGET}-litert.ofab"


@pytest.fixture(scope="session")
def executorch(bundles: Path) -> Path:
    return bundles / f"toy-{BUDGET}-executorch.ofab"


@pytest.fixture(scope="session")
def session_pack(invoke: Invoke, toy_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Items 50 to 59 of the toy checkpoint, for its user group 0."""
    folder = tmp_path_factory.mktemp("session")
    (folder / "items.txt").write_text("\n".join(f"K{row}" for row in range(50, 60)))
    made = invoke("session", "--items", folder / "items.txt", "--checkpoint", toy_checkpoint, "-o", folder / "toy.ofas")
    assert made.exit_code == 0, made.output
    return folder / "toy.ofas"


@pytest.fixture(scope="session")
def converter_site(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], str]:
    """Installs a third-party converter as any distribution would; the folder returned goes on PYTHONPATH.

    converter_site("odd", source): the source defines the class `Odd`.
    """

    def install(name: str, source: str) -> str:
        site = tmp_path_factory.mktemp("site")
        (site / f"{name}.py").write_text(source)
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {name}:{name.capitalize()}\n")
        return str(site)

    return install
