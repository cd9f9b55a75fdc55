"""Files and folders that appear under their name only when they are complete.

What is not complete yet lies beside its final name in a hidden `.ofa-….part`, which the process that fills it holds a
lock on. The system takes the lock from a process that ends, however it ends; so the next run that writes into the same
folder knows which parts nobody fills any more, and removes them.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ofa_export.errors import OutputError
from ofa_export.support.output import check_kind, final_path

_PART = re.compile(r"\.ofa-[0-9a-f]{16}\.part")


@contextmanager
def atomic_write(path: Path, *, replace: bool = True) -> Iterator[BinaryIO]:
    """Write a file that appears under its name only when it is complete.

    The bytes go to a part in the same folder, which is synced to the disk and renamed when the block ends; if the block
    raises, the part is removed and `path` is what it was before.

    Args:
        path: the final name; of a link, that which it leads to is written (see `output.check_output`).
        replace: whether a file that is there by then is replaced; its permissions stay.

    Returns:
        A context manager that gives the open binary file.

    Raises:
        OutputError: the system refused to create, write, sync or rename (disk full, no permission, name too long), or
            another command has made the file meanwhile and `replace` is false; or a pipe or a device is there.
    """
    target = final_path(path)
    # Whoever asked before the work began may find another thing there now; the rest of us never replaces a device.
    check_kind(path)
    with _sentences(path):
        remove_dead_parts(target.parent)
        part, descriptor = _held_part(target.parent, make=_new_file)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                with suppress(FileNotFoundError):
                    os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))
                os.fsync(descriptor)
                if replace:
                    part.replace(target)
                else:
                    _appear(part, target)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Fill a folder that appears under its name only when it is complete.

    Args:
        path: the final name; an existing file or folder there is replaced (check that it may be, first), and of a link
            that which it leads to.

    Returns:
        A context manager that gives the hidden folder to put files in; subfolders are not synced.

    Raises:
        OutputError: the system refused to create, write, sync or rename.
    """
    target = final_path(path)
    old = _replaced(target)
    with _sentences(path):
        put_back(target)
        remove_dead_parts(target.parent)
        part, descriptor = _held_part(target.parent, make=_new_folder)
        try:
            yield part
            for file in filter(Path.is_file, part.iterdir()):
                with file.open("rb") as handle:
                    os.fsync(handle.fileno())
            if target.exists():
                target.rename(old)
            part.rename(target)
        finally:
            os.close(descriptor)
            _remove(part)
            put_back(target)


def put_back(path: Path) -> None:
    """End what a killed run began: a folder moves aside before another takes its name, and nothing did.

    Args:
        path: of the folder, see `atomic_folder`.
    """
    target = final_path(path)
    old = _replaced(target)
    if os.path.lexists(old):
        if target.exists():
            _remove(old)
        else:
            old.rename(target)


def remove_dead_parts(folder: Path) -> None:
    """Remove the parts in a folder that no living process fills.

    Args:
        folder: where outputs were written.
    """
    with suppress(OSError):
        for part in [Path(entry) for entry in os.scandir(folder) if _PART.fullmatch(entry.name)]:
            with suppress(OSError):
                descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    if _hold(descriptor) and _same(descriptor, part):
                        _remove(part)
                finally:
                    os.close(descriptor)


def _held_part(folder: Path, *, make: Callable[[Path], int]) -> tuple[Path, int]:
    """Return a new part and the descriptor that holds the lock on it."""
    while True:
        part = folder / f".ofa-{secrets.token_hex(8)}.part"
        descriptor = make(part)
        try:
            held = _hold(descriptor)
        except OSError:
            # A file system without locks, on which nobody can tidy up either.
            return part, descriptor
        # A run that tidies up may have taken it for a dead one before the lock was there.
        if held and _same(descriptor, part):
            return part, descriptor
        os.close(descriptor)


def _new_file(part: Path) -> int:
    return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)


def _new_folder(part: Path) -> int:
    part.mkdir()
    return os.open(part, os.O_RDONLY | os.O_DIRECTORY)


def _hold(descriptor: int) -> bool:
    """Take the lock; tell whether no other process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _same(descriptor: int, path: Path) -> bool:
    """Tell whether a path still names what was opened."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _appear(part: Path, target: Path) -> None:
    """Give a complete file its name, unless there is such a file by now."""
    with suppress(OSError):
        # As opposed to a rename, this fails where there is a file; some file systems have no links.
        os.link(part, target)
        return
    if os.path.lexists(target):
        raise OutputError(
            f"The output {target} exists by now: another command has made it. Choose another name, or add --force to "
            "replace it."
        )
    part.replace(target)


def _replaced(target: Path) -> Path:
    """Where a folder lies while another takes its name."""
    return target.with_name(f".{target.name}.replaced")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"The output {path} could not be written: {error.strerror or error}. Nothing was left behind; "
            "free some space or choose another folder, then run the command again."
        ) from error
