"""A checkpoint as the bundles of one user group are made of it: read and encoded once, when first asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ofa_export.errors import CheckpointError
from ofa_export.model.checkpoint_folder import folder_digest

if TYPE_CHECKING:
    from ofa_export.model.checkpoint import Checkpoint
    from ofa_export.planning.item_selection import ItemSelection


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
        return None if self.checkpoint_sha256 is None else (self.checkpoint_sha256, self.group, *others)

    @cached_property
    def checkpoint_sha256(self) -> str | None:
        """Digest of the checkpoint, as bundles name it; None when a file cannot be read, which loading explains."""
        try:
            return folder_digest(self.path)
        except OSError:
            return None

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
            CheckpointError: it is rejected, or it is no longer the one whose digest was taken.
        """
        # Imported here: what comes from a cache must not cost the import of torch.
        from ofa_export.model.checkpoint_reader import load_checkpoint

        loaded = load_checkpoint(self.path)
        # What is made of it is kept under that digest.
        if self.checkpoint_sha256 not in (None, loaded.sha256):
            raise CheckpointError(f"The checkpoint '{self.path}' changed while it was read. Run the command again.")
        return loaded
