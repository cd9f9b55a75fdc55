from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest

from ofa_export.errors import ConfigError, MissingToolError, OfaExportError
from ofa_export.targets.android.installation import installation
from ofa_export.targets.android.libraries import PHONE_LIBRARIES

LITERT, EXECUTORCH = PHONE_LIBRARIES["litert"], PHONE_LIBRARIES["executorch"]


@pytest.fixture(autouse=True)
def suitable_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


def test_another_processor_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(ConfigError, match=r"this is Linux on aarch64\. Use --target host"):
        installation(LITERT, tmp_path)


@pytest.mark.parametrize(
    ("there", "missing", "packages"),
    [
        ((), "java, javac, gcc, mvn, npm, ", "openjdk-17-jdk-headless gcc libc6-dev maven npm"),
        (("java", "mvn", "npm"), "javac, gcc, ", "openjdk-17-jdk-headless gcc libc6-dev"),
        (("java", "javac", "gcc", "npm"), "mvn, ", "maven"),
    ],
)
def test_what_is_missing_is_named_with_the_command_that_installs_it(
    only_programs: Any, tmp_path: Path, there: tuple[str, ...], missing: str, packages: str
) -> None:
    only_programs(**dict.fromkeys(there, "exit 0"))
    with pytest.raises(MissingToolError) as caught:
        installation(EXECUTORCH, tmp_path)
    assert f"needs {missing}which" in str(caught.value)
    assert f"apt-get install --no-install-recommends {packages}, or use --target host" in str(caught.value)
    assert caught.value.exit_code == 6


def test_an_attempt_that_failed_leaves_nothing_that_looks_finished(only_programs: Any, tmp_path: Path) -> None:
    only_programs(java="exit 0", javac="exit 0", gcc="exit 0", mvn="echo '[ERROR] Unknown host'; exit 1")
    with pytest.raises(OfaExportError, match="Unknown host"):
        installation(LITERT, tmp_path / "cache")
    names = {path.name for path in (tmp_path / "cache").iterdir()}
    assert names <= {"android-packages", "android.lock"}
