from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest

from ofa_export.errors import ConfigError, MissingToolError
from ofa_export.targets.arm64.builds import EXECUTORCH, LITERT, Build
from ofa_export.targets.arm64.root_folder import root_folder

THERE = {"qemu-aarch64-static": "exit 0", "dpkg": "exit 0"}


def test_another_system_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    with pytest.raises(ConfigError, match=r"needs Linux; this is Darwin\. Use --target host"):
        root_folder(LITERT, tmp_path)


@pytest.mark.parametrize(
    ("build", "there", "missing", "packages"),
    [
        (LITERT, (), "qemu-aarch64-static, apt-get, dpkg, which are", "qemu-user-static apt dpkg"),
        (LITERT, ("apt-get", "dpkg"), "qemu-aarch64-static, which is", "qemu-user-static"),
        (
            EXECUTORCH,
            ("apt-get", "dpkg", "aarch64-linux-gnu-ld", "aarch64-linux-gnu-readelf"),
            "qemu-aarch64-static, aarch64-linux-gnu-as, aarch64-linux-gnu-nm, which are",
            "qemu-user-static binutils-aarch64-linux-gnu",
        ),
    ],
)
def test_what_is_missing_is_named_with_the_command_that_installs_it(
    only_programs: Any, tmp_path: Path, build: Build, there: tuple[str, ...], missing: str, packages: str
) -> None:
    only_programs(**dict.fromkeys(there, "exit 0"))
    cache = tmp_path / "cache"
    with pytest.raises(MissingToolError) as caught:
        root_folder(build, cache)
    assert f"The target arm64 needs {missing} not installed" in str(caught.value)
    assert f"apt-get install --no-install-recommends {packages}, or use --target host" in str(caught.value)
    assert caught.value.exit_code == 6
    assert not cache.exists()


def test_sources_without_arm64_are_told_in_apt_get_s_words_and_leave_nothing(
    only_programs: Any, tmp_path: Path
) -> None:
    only_programs(
        **THERE, **{"apt-get": "echo 'Reading lists'; echo 'E: Unable to locate package python3' >&2; exit 100"}
    )
    with pytest.raises(MissingToolError, match=r"apt-get says: E: Unable to locate package python3\. Its first run"):
        root_folder(LITERT, tmp_path / "cache")
    assert {path.name for path in (tmp_path / "cache").iterdir()} <= {"arm64.lock"}


def test_without_the_network_nothing_is_left_that_looks_finished(only_programs: Any, tmp_path: Path) -> None:
    download = 'case "$*" in *download-only*) echo "E: Failed to fetch libc6" >&2; exit 100;; esac'
    only_programs(**THERE, **{"apt-get": download})
    with pytest.raises(
        MissingToolError, match="could not fetch arm64 packages: apt-get says: E: Failed to fetch libc6"
    ):
        root_folder(LITERT, tmp_path / "cache")
    assert {path.name for path in (tmp_path / "cache").iterdir()} <= {"arm64.lock"}
