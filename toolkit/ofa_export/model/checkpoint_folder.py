"""Folder and files of a checkpoint, and the digest that bundles name it by; no torch, which takes seconds to load."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from ofa_export.errors import CheckpointError, UnknownNameError
from ofa_export.support.input import open_regular

HistoryKind = Literal["real", "synthetic", "none"]
HISTORY_KINDS: tuple[HistoryKind, ...] = ("real", "synthetic", "none")
"""Validation histories of people, walks along what several people share, or drawn ones (`training.kept_histories`)."""

PIECE = 2**20
"""Bytes that are read at once; a table can be larger than the memory that there is."""

CONFIG, WEIGHTS, ITEMS, VALIDATION = (
    "config.json",
    "model.safetensors",
    "items.parquet",
    "validation_histories.safetensors",
)
DIGESTED = {CONFIG: CONFIG, WEIGHTS: WEIGHTS, ITEMS: ITEMS, VALIDATION: "probes.safetensors"}
"""File -> what a digest calls it: the names of version 1.0, so that bundles made from a checkpoint still know it."""

PICKLE_SUFFIXES = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin"}


def check_folder(path: Path) -> None:
    """Refuse a path that is no folder; commands ask before they load what takes seconds.

    Args:
        path: the folder.

    Raises:
        CheckpointError: it is a file, not there, or has nothing of a checkpoint in it.
    """
    descriptor = open_folder(path)
    try:
        # Of the folder that was opened, whatever its name means by now.
        inside = set(os.listdir(descriptor))  # noqa: PTH208
    finally:
        os.close(descriptor)
    if not DIGESTED.keys() & inside:
        raise CheckpointError(
            f"The folder '{path}' holds no checkpoint: none of {', '.join(DIGESTED)} is in it. A checkpoint is a "
            "folder made by `ofa-export train` or `ofa-export import`."
        )


def open_folder(path: Path) -> int:
    """Open the folder.

    Args:
        path: the folder.

    Returns:
        A descriptor, which whoever asked closes.

    Raises:
        CheckpointError: it is a file, or not there.
    """
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except NotADirectoryError as error:
        if path.suffix in PICKLE_SUFFIXES:
            raise CheckpointError(
                f"'{path}' is a pickle, which can run code when it is read; it was not opened. "
                "A checkpoint is a folder made by `ofa-export train`."
            ) from error
        raise CheckpointError(
            f"'{path}' is a file. A checkpoint is a folder made by `ofa-export train online-retail -o CHECKPOINT`."
        ) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"There is no checkpoint folder '{path}'. Make one with `ofa-export train online-retail -o CHECKPOINT`, "
            "or leave the argument out to use the sample checkpoint."
        ) from error


def check_kind(kind: str) -> HistoryKind:
    """Return the name of a kind of validation histories.

    Args:
        kind: `real`, `synthetic` or `none`.

    Raises:
        UnknownNameError: it is none of them.
    """
    for known in HISTORY_KINDS:
        if kind == known:
            return known
    raise UnknownNameError("kind of validation histories", kind, HISTORY_KINDS)


def files_digest(files: Mapping[str, bytes | mmap.mmap]) -> str:
    """Return SHA-256 over the names and contents of a checkpoint's files, as hex."""
    digest = hashlib.sha256()
    for name, label in DIGESTED.items():
        content = memoryview(files[name])
        digest.update(f"{label} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def folder_digest(folder: Path) -> str:
    """Return what `files_digest` gives for the files of a folder, without their content in memory.

    Raises:
        OSError: one cannot be read.
    """
    digest = hashlib.sha256()
    for name, label in DIGESTED.items():
        with open_regular(folder / name) as file:
            digest.update(f"{label} {os.fstat(file.fileno()).st_size}\n".encode())
            while piece := file.read(PIECE):
                digest.update(piece)
    return digest.hexdigest()
