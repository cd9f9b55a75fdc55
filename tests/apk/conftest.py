"""The command as a user runs it, and one app with the golden bundles of both runtimes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ofa_export.cli.app import app
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.resources import shipped

Apk = Callable[..., Result]

GOLDEN = shipped("artifacts", "golden")
LITERT, EXECUTORCH = (GOLDEN / f"sample-420KB-{runtime}.ofab" for runtime in ("litert", "executorch"))


@dataclass(frozen=True)
class Built:
    """An app, and what the command said of it."""

    path: Path
    said: dict[str, Any]


@pytest.fixture(scope="session")
def apk() -> Apk:
    """Runs `ofa-export apk`: apk(bundle, "-o", path)."""

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, ["apk", *map(str, arguments)])

    return run


@pytest.fixture(scope="session")
def build(apk: Apk, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Built]:
    """Builds an app: build(bundle, "--abi", "x86_64"). Code is compiled once for all, and kept in the cache."""

    def run(*arguments: str | Path) -> Built:
        path = tmp_path_factory.mktemp("apk") / "demo.apk"
        result = apk(*arguments, "-o", path, "--json")
        assert result.exit_code == 0, result.stderr
        return Built(path, json.loads(result.stdout))

    return run


@pytest.fixture(scope="session")
def built(build: Callable[..., Built]) -> Built:
    """The app with a bundle for each runtime, for phones and emulators."""
    return build(EXECUTORCH, LITERT)


@pytest.fixture(scope="session")
def cache() -> ContentCache:
    """The cache of this run."""
    return ContentCache()


@pytest.fixture
def litert(tmp_path: Path) -> Path:
    """A copy of a bundle to rename or break."""
    return Path(shutil.copy(LITERT, tmp_path / "mine.ofab"))
