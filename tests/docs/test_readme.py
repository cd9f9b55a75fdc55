"""What the README shows is what the commands print."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ofa_export.resources import shipped

pytestmark = pytest.mark.integration

README = shipped("README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"```console\n\$ (ofa-export [^\n]+)\n(.*?)```", README, flags=re.DOTALL)


def without_numbers(text: str) -> set[str]:
    """The words of each line: numbers may differ in the last digit on another processor, and times always do."""
    lines = (" ".join(re.sub(r"[-+]?[0-9][0-9.,e-]*", "#", line).split()) for line in text.splitlines())
    return {line for line in lines if line}


@pytest.mark.slow
def test_every_command_of_the_readme_prints_what_is_shown(tmp_path: Path) -> None:
    assert len(SHOWN) >= 4
    tool = str(Path(sys.executable).with_name("ofa-export"))
    for command, shown in SHOWN:
        result = subprocess.run(
            [tool, *shlex.split(command)[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert result.returncode == (3 if "Error:" in shown else 0), result.stderr
        missing = without_numbers(shown) - without_numbers(result.stdout + result.stderr)
        assert not missing, f"{command} no longer prints {missing}"
