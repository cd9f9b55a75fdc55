"""Files of a checkpoint, and the digest that bundles name it by; no torch, whose import takes seconds."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Mapping
from pathlib import Path

from ofa_export.support.input import open_regular

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
