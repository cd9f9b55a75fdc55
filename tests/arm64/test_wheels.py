from __future__ import annotations

import importlib.util
from importlib.metadata import version
from typing import Any

import pytest

from ofa_export.arm64.wheels import pip_command, wheel_versions
from ofa_export.errors import MissingToolError


@pytest.mark.parametrize("name", ["ai-edge-litert", "numpy"])
def test_the_arm64_build_is_of_the_version_that_the_host_has(name: str) -> None:
    # Only then is a difference one of processors. New versions here need new digests in wheels.txt.
    assert wheel_versions()[name] == version(name)


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
