from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

FULL = "Error: The output cannot be used: No space left on device. Choose another place.\n"


@pytest.fixture
def shell(script: Path, litert: Path):
    """Runs a line of bash with the command as `ofa` and a bundle as `$bundle`."""

    def run(line: str) -> subprocess.CompletedProcess[str]:
        text = f'set -o pipefail; bundle={litert}; ofa() {{ {script} "$@"; }}; {line}'
        return subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("command", ["inspect $bundle --json", "inspect $bundle", "--help", "--version"])
def test_a_reader_who_leaves_and_a_full_disk_behind_stdout(shell, command: str) -> None:
    left = shell(f"ofa {command} | exit 0")
    assert (left.returncode, left.stderr) == (141, "")
    full = shell(f"ofa {command} > /dev/full")
    assert (full.returncode, full.stderr) == (2, FULL)


def test_streams_that_are_closed_take_no_text_and_change_nothing_else(shell, litert: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.ofab"
    closed = shell(f"ofa resize $bundle --budget 1MB -o {made} >&- <&-")
    assert (closed.returncode, closed.stderr) == (0, "")
    assert made.read_bytes() == litert.read_bytes()
    refused = shell("ofa inspect nothing --json 2>&-")
    assert refused.returncode == 2
    assert refused.stdout.startswith("{")
    assert shell("ofa inspect nothing 2> /dev/full").returncode == 2
