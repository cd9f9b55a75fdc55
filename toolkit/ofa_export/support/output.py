"""Output files: never over an existing one by accident, and only complete ones under their name."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ofa_export.errors import OutputError


def check_output(path: Path, *, force: bool) -> None:
    """Refuse a path that cannot or must not be written, before any work is spent on its content.

    Args:
        path: the file to be written.
        force: whether an existing file may be replaced.

    Raises:
        OutputError: it exists (without `force`), it is a folder, or its folder is missing or not writable.
    """
    folder = path.parent
    if path.is_dir():
        raise OutputError(f"The output {path} is a folder; give the name of a file in it.")
    if not folder.is_dir():
        raise OutputError(f"The output {path} cannot be written: {folder} is not an existing folder; create it first.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"The output {path} cannot be written: no permission to write in {folder}.")
    if path.exists() and not force:
        raise OutputError(f"The output {path} exists already; add --force to replace it, or choose another name.")


def check_checkpoint_output(path: Path, *, force: bool) -> None:
    """Refuse the folder of a checkpoint that cannot or must not be written, before any work is spent on it.

    Args:
        path: where the checkpoint shall appear.
        force: whether a checkpoint there may be replaced.

    Raises:
        OutputError: something is there already (without `force`), or something else than a checkpoint; or the folder
            around it is missing or not writable.
    """
    if path.exists() and not force:
        raise OutputError(f"The output '{path}' exists. Add --force to replace it, or choose another name.")
    if path.exists() and not (path / "config.json").is_file():
        raise OutputError(
            f"The output '{path}' exists and is not a checkpoint; --force replaces only checkpoints. "
            "Choose another name, or remove it yourself."
        )
    folder = path.absolute().parent
    if not folder.is_dir():
        raise OutputError(
            f"The output '{path}' cannot be written: {folder} is not an existing folder; create it first."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"The output '{path}' cannot be written: no permission to write in {folder}.")


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Write a file that appears under its name only when it is complete.

    The bytes go to a hidden `.part` file in the same folder, which is synced to the disk and renamed when the block
    ends; if the block raises, the `.part` file is removed and `path` is what it was before.

    Args:
        path: the final name; an existing file is replaced (see `check_output`).

    Returns:
        A context manager that gives the open binary file.

    Raises:
        OutputError: the system refused to create, write, sync or rename (disk full, no permission, name too long).
    """
    part = path.with_name(f".ofa-{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise OutputError(
            f"The output {path} could not be written: {error.strerror or error}. Nothing was left behind; "
            "free some space or choose another folder, then run the command again."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Fill a folder that appears under its name only when it is complete.

    Args:
        path: the final name; an existing file or folder there is replaced (check that it may be, first).

    Returns:
        A context manager that gives the hidden folder to put files in; subfolders are not synced.

    Raises:
        OutputError: the system refused to create, write, sync or rename.
    """
    part = path.with_name(f".ofa-{secrets.token_hex(8)}.part")
    old = path.with_name(f".ofa-{secrets.token_hex(8)}.old")
    try:
        part.mkdir()
        yield part
        for file in filter(Path.is_file, part.iterdir()):
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
        if path.exists():
            path.rename(old)
        part.rename(path)
    except OSError as error:
        if old.exists():
            old.rename(path)
        raise OutputError(
            f"The output {path} could not be written: {error.strerror or error}. Nothing was left behind; "
            "free some space or choose another folder, then run the command again."
        ) from error
    finally:
        for rest in (part, old):
            if rest.is_dir():
                shutil.rmtree(rest)
            else:
                rest.unlink(missing_ok=True)


def output_paths(names: Sequence[str], output: Path | None, *, force: bool) -> tuple[Path, ...]:
    """Return the file of each bundle; nothing is made yet.

    Args:
        names: of the bundles, when they go into a folder.
        output: a file for one bundle, a folder for any number, None for this folder.
        force: whether existing files may be replaced.

    Returns:
        One path per name; their folder may have to be made (see `make_folder`).

    Raises:
        OutputError: a path exists or cannot be written, or several bundles would go into one file.
    """
    if output is not None and len(names) == 1 and not output.is_dir():
        check_output(output, force=force)
        return (output,)
    folder = output or Path()
    paths = tuple(folder / name for name in names)
    if folder.is_dir():
        for path in paths:
            check_output(path, force=force)
    elif folder.exists() or folder.suffix == ".ofab":
        raise OutputError(
            f"The output {folder} names one file, and {len(names)} bundles will be made: give a folder, "
            "or choose one with --runtime and --group."
        )
    else:
        check_output(folder, force=force)
    return paths


def make_folder(folder: Path) -> None:
    """Make the folder of the outputs if it is not there.

    Raises:
        OutputError: the system refused.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"The output folder {folder} cannot be made: {error.strerror}. Choose another.") from error
