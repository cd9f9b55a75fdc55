"""A checkpoint as the bundles of one user group are made of it: read and encoded once, when first asked for."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ofa_export.support.input import open_regular

if TYPE_CHECKING:
    from ofa_export.model.checkpoint import Checkpoint
    from ofa_export.planning.item_selection import ItemSelection

PIECE = 2**20
"""Bytes that are read at once; a table can be larger than the memory that there is."""

CHECKPOINT_FILES = ("config.json", "model.safetensors", "items.parquet", "validation_histories.safetensors")


class ExportSource:
    """A checkpoint folder and a user group. Nothing is read until something is asked for that no cache has.

    Args:
        path: the folder.
        group: user group.
    """

    def __init__(self, path: Path, *, group: int) -> None:
        self.path, self.group = path, group
        self._kept: ItemSelection | None = None

    def inputs(self, *others: object) -> tuple[object, ...] | None:
        """Return what decides that which is made of it, for a cache; None when the checkpoint cannot be read.

        Args:
            others: whatever else decides it, as plain values.
        """
        return None if self._digest is None else (self._digest, self.group, *others)

    @cached_property
    def _digest(self) -> str | None:
        """Of the checkpoint's files; None when one cannot be read, which loading explains."""
        digest = hashlib.sha256()
        for name in CHECKPOINT_FILES:
            try:
                with open_regular(self.path / name) as file:
                    digest.update(f"{name} {os.fstat(file.fileno()).st_size}\n".encode())
                    while piece := file.read(PIECE):
                        digest.update(piece)
            except OSError:
                return None
        return digest.hexdigest()

    def selection(self, items: int | None) -> ItemSelection:
        """Return the most popular items. One selection is kept: each takes memory, and who needs one needs it often.

        Args:
            items: how many; None is all.

        Raises:
            CheckpointError: the checkpoint is rejected.
            ConfigError: there is no such user group, or not that many items.
        """
        from ofa_export.planning.item_selection import ItemSelection

        if self._kept is None or self._kept.items != items:
            self._kept = None
            self._kept = ItemSelection(self.checkpoint, group=self.group, items=items)
        return self._kept

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """As it was trained.

        Raises:
            CheckpointError: it is rejected.
        """
        # Imported here: what comes from a cache must not cost the import of torch.
        from ofa_export.model.checkpoint_reader import load_checkpoint

        return load_checkpoint(self.path)
