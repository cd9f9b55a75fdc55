"""What the pages show is what the commands print."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ofa_export.support.resources import shipped

pytestmark = pytest.mark.integration

SHOWN = re.compile(r"^\$ (ofa-export [^\n]+)\n(.*?)(?=^\$ |^```)", flags=re.DOTALL | re.MULTILINE)
FILES = re.compile(r"^\$ cat (\S+)\n(.*?)(?=^\$ |^```)", flags=re.DOTALL | re.MULTILINE)


def without_numbers(text: str) -> set[str]:
    """The words of each line: numbers may differ in the last digit on another processor, and times always do."""
    lines = (" ".join(re.sub(r"[-+]?[0-9][0-9.,e-]*", "#", line).split()) for line in text.splitlines())
    return {line for line in lines if line}


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/resize.md", "docs/planning.md", "docs/session-packs.md"])
def test_every_command_of_a_page_prints_what_is_shown(tmp_path: Path, page: str) -> None:
    text = shipped(*page.split("/")).read_text(encoding="utf-8")
    for name, content in FILES.findall(text):
        (tmp_path / name).write_text(content, encoding="utf-8")
    commands = SHOWN.findall(text)
    assert len(commands) >= 2
    tool = str(Path(sys.executable).with_name("ofa-export"))
    for command, shown in commands:
        result = subprocess.run(
            [tool, *shlex.split(command)[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert bool(result.returncode) == ("Error:" in shown), result.stderr
        missing = without_numbers(shown) - without_numbers(result.stdout + result.stderr)
        assert not missing, f"{command} no longer prints {missing}"
