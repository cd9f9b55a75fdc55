"""What is said about the end of the Java process, and for which converters it is started."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ofa_export.converters.registry import get_converter
from ofa_export.errors import ConfigError
from ofa_export.targets.android.target import AndroidTarget, crash_or_last_lines

CRASH = """\
INFO: Initialized TensorFlow Lite runtime.
tflite: odd weights
#
# A fatal error has been detected by the Java Runtime Environment:
#
#  SIGSEGV (0xb) at pc=0x00007f3d47beba2b, pid=4, tid=5
#
# JRE version: OpenJDK Runtime Environment (17.0.15+6)
# Problematic frame:
# C  [libtensorflowlite_jni.so+0x1eba2b]
#
# If you would like to submit a bug report, please visit:
"""


def test_a_crash_is_told_by_its_signal_and_its_place() -> None:
    assert crash_or_last_lines(CRASH) == "SIGSEGV in [libtensorflowlite_jni.so+0x1eba2b]\ntflite: odd weights"


def test_an_end_without_a_crash_is_told_by_the_last_lines() -> None:
    log = "".join(f"line {number}\n" for number in range(20)) + "INFO: nothing\n\n"
    assert crash_or_last_lines(log).splitlines() == [f"line {number}" for number in range(15, 20)]


@pytest.mark.parametrize("name", ["litert", "onnx2tf", "executorch"])
def test_every_converter_of_ours_has_a_library_whose_version_is_reported(name: str) -> None:
    versions = AndroidTarget().versions(get_converter(name))
    assert "2.16.1" in versions.values() or "0.8.5" in versions.values()


def test_a_converter_without_one_is_a_sentence() -> None:
    other: Any = SimpleNamespace(name="torch-program", entry_name="graphs.pt")
    with pytest.raises(ConfigError, match="no library for torch-program, only for executorch, litert"):
        AndroidTarget().load(other, b"", ())
