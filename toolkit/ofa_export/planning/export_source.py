"""A checkpoint as the bundles of one user group are made of it: read and encoded once, when first asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ofa_export.support.content_cache import source_key

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

    def key(self, described: dict[str, Any]) -> str | None:
        """Return name of what is made of it; see `source_key`.

        Args:
            described: whatever else decides it, as plain values.
        """
        return source_key(self.path, {**described, "group": self.group})

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
