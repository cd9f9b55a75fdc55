from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ofa_export.support.input import check_regular, open_regular, read_regular


def test_what_is_no_file_is_said_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        kinds = {"pipe": "a pipe", "link": "a pipe", "socket": "a socket", "/dev/zero": "a device", ".": "a folder"}
        for name, kind in kinds.items():
            for read in (check_regular, open_regular, read_regular):
                with pytest.raises(OSError, match=f"it is {kind}, and a file is needed"):
                    read(tmp_path / name)


def test_a_file_is_read_whole_or_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1000))
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "link", most=1000) == bytes(1000)
    with pytest.raises(OSError, match="it has 1,000 bytes, and at most 999"):
        read_regular(path, most=999)
    # A file of the system that says it has none, and has more by the time it is read.
    with pytest.raises(OSError, match="it grows while it is read"):
        read_regular("/proc/self/status", most=5)
