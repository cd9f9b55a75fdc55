"""Names of cache entries that a checkpoint decides: a digest of its files, of this package's source and of more."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ofa_export.source_digest import source_digest

PIECE = 2**20
"""Bytes that are read at once; a table can be larger than the memory that there is."""

CHECKPOINT_FILES = ("config.json", "model.safetensors", "items.parquet", "validation_histories.safetensors")


def source_key(checkpoint: Path, described: dict[str, Any]) -> str | None:
    """Digest of everything that decides what is made; None when the checkpoint cannot be read, which loading explains.

    Args:
        checkpoint: its folder.
        described: whatever else decides it, as plain values.
    """
    digest = hashlib.sha256(source_digest())
    digest.update(json.dumps(described, sort_keys=True).encode())
    for name in CHECKPOINT_FILES:
        try:
            with (checkpoint / name).open("rb") as file:
                digest.update(f"{name} {os.fstat(file.fileno()).st_size}\n".encode())
                while piece := file.read(PIECE):
                    digest.update(piece)
        except OSError:
            return None
    return digest.hexdigest()
