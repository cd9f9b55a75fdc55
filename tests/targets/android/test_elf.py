"""The edit of shared libraries, on libraries that are here anyway: numpy's."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ofa_export.targets.android.elf import needed_libraries, without_android

(LIBRARY,) = Path(np.__file__).parent.glob("random/_bounded_integers.*.so")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="edits libraries of Linux")


def test_what_the_process_has_already_is_no_longer_asked_for() -> None:
    before = LIBRARY.read_bytes()
    assert needed_libraries(before) == ("libm.so.6", "libc.so.6")
    after = without_android(before, provided={"libm.so.6", "libandroid.so"})
    assert needed_libraries(after) == ("libc.so.6",)
    assert len(after) == len(before)


def test_symbols_no_longer_ask_for_a_version(tmp_path: Path) -> None:
    # glibc refuses a library that asks a library for a version which that one has not; here there is nobody to ask.
    renamed = LIBRARY.read_bytes().replace(b"GLIBC_2.", b"BIONIC_9")
    (tmp_path / "before.so").write_bytes(renamed)
    (tmp_path / "after.so").write_bytes(without_android(renamed, provided=()))
    with pytest.raises(OSError, match="version"):
        ctypes.CDLL(str(tmp_path / "before.so"))
    load = f"import ctypes; ctypes.CDLL({str(tmp_path / 'after.so')!r})"
    done = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" * 100, b"\x7fELF\x01\x01" + bytes(100)])
def test_what_is_no_such_library_is_said(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a 64-bit little-endian ELF file"):
        without_android(content, provided=())
