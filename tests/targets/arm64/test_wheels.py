from __future__ import annotations

import importlib.util
from importlib.metadata import version
from typing import Any

import pytest

from ofa_export.errors import MissingToolError
from ofa_export.targets.arm64.builds import BUILDS, EXECUTORCH, LITERT, Build
from ofa_export.targets.arm64.wheels import pip_command


@pytest.mark.parametrize(
    ("build", "names"), [(LITERT, ["ai-edge-litert", "numpy"]), (EXECUTORCH, ["executorch", "torch", "numpy"])]
)
def test_the_arm64_build_is_of_the_versions_that_the_host_has(build: Build, names: list[str]) -> None:
    # Only then is a difference one of processors. New versions here need new digests.
    assert {name: build.versions[name] for name in names} == {name: version(name) for name in names}


@pytest.mark.parametrize("build", BUILDS.values(), ids=list(BUILDS))
def test_the_version_that_reports_name_is_among_the_wheels(build: Build) -> None:
    assert build.distribution in build.versions


def test_pip_may_be_on_the_path_and_where_it_is_not_the_command_that_installs_it_is_named(
    only_programs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingToolError, match=r"needs pip, which is not installed: run apt-get install .* python3-pip"
    ):
        pip_command()
    only_programs(pip="exit 0")
    assert pip_command() == ["pip"]
