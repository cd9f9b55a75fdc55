from __future__ import annotations

import os
import sys
import warnings

import pytest

from ofa_export.converters.quiet import converter_chatter_silenced, native_stderr_silenced


def test_native_output_is_dropped_only_inside(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(2, b"before ")
    with pytest.raises(KeyboardInterrupt), native_stderr_silenced():
        os.write(2, b"inside ")
        raise KeyboardInterrupt
    os.write(2, b"after")
    assert capfd.readouterr().err == "before after"


def test_what_a_converter_prints_does_not_reach_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with converter_chatter_silenced():
        print("words")
    assert capsys.readouterr().out == ""


def test_environment_and_stdout_are_restored_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    stdout = sys.stdout
    with pytest.raises(KeyboardInterrupt), converter_chatter_silenced():
        assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"
        raise KeyboardInterrupt
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "1"
    assert "TF_ENABLE_ONEDNN_OPTS" not in os.environ
    assert sys.stdout is stdout


def test_warnings_to_users_still_come_through() -> None:
    with converter_chatter_silenced(), pytest.warns(UserWarning, match="for you"):
        warnings.warn("for the developers of a tool", FutureWarning, stacklevel=1)
        warnings.warn("for you", UserWarning, stacklevel=1)
