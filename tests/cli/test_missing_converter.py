"""The second converter comes with an extra: without it, one sentence says so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("command", ["plan", "bundle"])
def test_without_the_extra_the_command_that_installs_it_is_named(
    invoke, toy_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setitem(sys.modules, "onnx2tf", None)
    monkeypatch.chdir(tmp_path)
    result = invoke(command, toy_checkpoint, "--budget", "1MB", "--converter", "onnx2tf")
    assert result.exit_code == 6
    assert "pip install 'ofa-export[onnx2tf]'" in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []
