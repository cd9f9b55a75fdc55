"""Input files: regular ones, read whole: nothing waits for a pipe, and what was checked does not change later."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""What is no file, in words."""


def check_regular(path: Path | str) -> None:
    """Refuse what is no file, before a library opens it and waits for ever.

    Args:
        path: of a file; a link counts as what it leads to.

    Raises:
        OSError: there is nothing, or a folder, a pipe, a socket or a device; `strerror` says so.
    """
    _require_regular(os.stat(path).st_mode, path)  # noqa: PTH116 - a path that is a text stays as it was given


def open_regular(path: Path | str, *, folder: int | None = None) -> BinaryIO:
    """Open a file to read; never waits, as opening a pipe does until somebody writes to it.

    Args:
        path: as for `check_regular`.
        folder: descriptor of the folder that a relative path starts from; None is the current one.

    Returns:
        The open file.

    Raises:
        OSError: as `check_regular`, or it cannot be opened.
    """
    _require_regular(os.stat(path, dir_fd=folder).st_mode, path)
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK, dir_fd=folder), "rb")
    try:
        # Again, of what was opened: a pipe may have taken its place in between.
        _require_regular(os.fstat(file.fileno()).st_mode, path)
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: Path | str, *, most: int | None = None) -> bytes:
    """Read a whole file into memory.

    A file that is mapped ends the process with SIGBUS when another program cuts it short, and what was checked in it
    may be something else when it is used.

    Args:
        path: as for `check_regular`.
        most: bytes that it may have; None for any number.

    Returns:
        Its content.

    Raises:
        OSError: as `open_regular`, it cannot be read, or it is larger.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise OSError(errno.EFBIG, f"it has {size:,} bytes, and at most {most:,} make sense", str(path))
        # One byte more than there was shows a file that grows; memory is taken for as many as are asked for.
        content = file.read(size + 1)
    if len(content) > size:
        raise OSError(errno.EBUSY, "it grows while it is read; wait until nobody writes to it", str(path))
    return content


def _require_regular(mode: int, path: Path | str) -> None:
    if not stat.S_ISREG(mode):
        kind = KINDS.get(stat.S_IFMT(mode), "no file")
        raise OSError(errno.EINVAL, f"it is {kind}, and a file is needed", str(path))
