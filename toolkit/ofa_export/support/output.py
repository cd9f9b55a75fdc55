"""Outputs: which paths may be written, and one command at a time that makes a folder.

One rule for every output of every command. An output is a file (or folder) by name: `-`, a pipe, a socket, a device and
what stdout or stderr goes to are refused. A link stands for what it leads to, which is replaced while the link stays; a
link that leads nowhere exists already, too. Our choice, and what a shell does with `>`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ofa_export.errors import OutputError
from ofa_export.support.input import KINDS

CHECKPOINT_FILES = {"config.json", "model.safetensors", "items.parquet"} | {
    f"{name}.safetensors" for name in ("validation_histories", "probes")
}
"""What may lie in the folder of a checkpoint that --force replaces; the last name is that of before 1.0."""

STREAMS = (1, 2)
"""Descriptors of stdout and stderr."""


def refuse_dash(output: Path | str) -> None:
    """Refuse `-`, which other programs take for stdout.

    Raises:
        OutputError: that is the output.
    """
    if str(output) == "-":
        raise OutputError(
            "The output '-' names no file, and results do not go to stdout: name a file. What a command prints is "
            "its summary, with --json for programs."
        )


def check_output(path: Path, *, force: bool) -> None:
    """Refuse a path that cannot or must not be written, before any work is spent on its content.

    Args:
        path: the file to be written.
        force: whether an existing file may be replaced.

    Raises:
        OutputError: it exists (without `force`), it is no file, or its folder is missing or not writable.
    """
    refuse_dash(path)
    if path.is_dir():
        raise OutputError(f"The output {path} is a folder; give the name of a file in it.")
    target = final_path(path)
    folder = path.parent if target.parent == Path(os.path.realpath(path.parent)) else target.parent
    if not folder.is_dir():
        raise OutputError(f"The output {path} cannot be written: {folder} is not an existing folder; create it first.")
    check_kind(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"The output {path} cannot be written: no permission to write in {folder}.")
    if os.path.lexists(path) and not force:
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
    refuse_dash(path)
    if path.is_symlink() and not path.exists() and not force:
        raise OutputError(f"The output '{path}' is a link that leads nowhere. Add --force to make what it leads to.")
    if path.exists() and not force:
        raise OutputError(f"The output '{path}' exists. Add --force to replace it, or choose another name.")
    if path.exists() and not (path / "config.json").is_file():
        raise OutputError(
            f"The output '{path}' exists and is not a checkpoint; --force replaces only checkpoints. "
            "Choose another name, or remove it yourself."
        )
    foreign = sorted({file.name for file in path.iterdir()} - CHECKPOINT_FILES) if path.exists() else []
    if foreign:
        raise OutputError(
            f"The output '{path}' holds something that is no part of a checkpoint, '{foreign[0]}', which --force would "
            "remove. Choose another name, or move it elsewhere."
        )
    folder = final_path(path).parent
    if not folder.is_dir():
        raise OutputError(
            f"The output '{path}' cannot be written: {folder} is not an existing folder; create it first."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"The output '{path}' cannot be written: no permission to write in {folder}.")


def check_outputs(paths: Iterable[Path | None], *, force: bool) -> None:
    """Check every output that a command was given.

    Args:
        paths: the files; None for one that was not asked for.
        force: whether existing files may be replaced.

    Raises:
        OutputError: as `check_output`, or two of them are one file.
    """
    given: dict[Path, Path] = {}
    for path in paths:
        if path is None:
            continue
        check_output(path, force=force)
        other = given.setdefault(final_path(path), path)
        if other is not path:
            raise OutputError(f"The outputs {other} and {path} are one file: give each a name of its own.")


def check_apart(
    outputs: Iterable[Path | None], inputs: Iterable[Path | str | None] = (), *, folder: Path | str | None = None
) -> None:
    """Refuse an output that would take the place of what the same command reads, also with `force`.

    Not for commands whose result can stand for what it was made from: a patched or resized bundle.

    Args:
        outputs: the files; None for one that was not asked for.
        inputs: files that are read; None for one that was not given.
        folder: one that is read, where nothing may be written.

    Raises:
        OutputError: one is an input, or lies in the folder.
    """
    read = {final_path(Path(path)) for path in inputs if path is not None}
    for output in filter(None, outputs):
        target = final_path(output)
        if target in read:
            raise OutputError(f"The output {output} is what this command reads, and would be lost: name another.")
        if folder is not None and final_path(Path(folder)) in target.parents:
            raise OutputError(f"The output {output} is in {folder}, which this command reads: name another folder.")


def final_path(path: Path) -> Path:
    """Return the absolute path that a name stands for: links followed, also one that leads nowhere yet."""
    return Path(os.path.realpath(path))


def check_kind(path: Path) -> None:
    """Refuse what is no file, and what stdout or stderr goes to.

    Args:
        path: the output; it need not be there.

    Raises:
        OutputError: it is there, and a pipe, a socket, a device, a folder, or where text of this process goes.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"The output {path} cannot be written: {error.strerror}. Choose another name.") from error
    for stream in STREAMS:
        with suppress(OSError):
            if os.path.samestat(os.fstat(stream), found):
                raise OutputError(
                    f"The output {path} is where the text of this command goes: name another file, which the "
                    "result would replace."
                )
    if not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "no file")
        raise OutputError(
            f"The output {path} is {kind}, which a result would replace: name a file, and send that on when the "
            "command is done."
        )


def output_paths(names: Sequence[str], output: Path | None, *, force: bool) -> tuple[Path, ...]:
    """Return the file of each bundle; nothing is made yet.

    Args:
        names: of the bundles, when they go into a folder.
        output: a file for one bundle, a folder for any number, None for this folder.
        force: whether existing files may be replaced.

    Returns:
        One path per name; their folder may have to be made (see `made_folder`).

    Raises:
        OutputError: a path exists or cannot be written, or several bundles would go into one file.
    """
    if output is not None:
        refuse_dash(output)
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
        # A link that leads nowhere is no folder that could be made.
        check_output(folder, force=False)
    return paths


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make the folder of the outputs if it is not there; if the block raises, one that is empty goes again.

    Raises:
        OutputError: the system refused.
    """
    made = not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"The output folder {folder} cannot be made: {error.strerror}. Choose another.") from error
    try:
        yield
    except BaseException:
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise


@contextmanager
def output_lock(path: Path) -> Iterator[None]:
    """Keep other commands away from an output that takes long to make, for as long as the block runs.

    The system takes the lock from a process that ends, however it ends, so a killed run bars nobody.

    Args:
        path: the output.

    Raises:
        OutputError: another command is making it, or its folder cannot be written.
    """
    target = final_path(path)
    lock = FileLock(target.with_name(f".{target.name}.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise OutputError(
            f"The output {path} is being made by another ofa-export right now: wait for it, or choose another name."
        ) from error
    except OSError as error:
        raise OutputError(
            f"The output {path} cannot be written: {error.strerror or error}. Create its folder, or choose another."
        ) from error
    try:
        yield
    finally:
        # Before the lock is given up: who comes next makes a file of its own.
        with suppress(OSError):
            Path(lock.lock_file).unlink()
        lock.release()
