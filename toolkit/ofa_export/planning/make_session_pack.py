"""The items that the cloud sends for a session: those asked for, less those that a bundle holds just as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ofa_export.bundle.codes import encode
from ofa_export.bundle.items import ItemCatalogue
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.session_pack import SessionPack
from ofa_export.errors import ConfigError
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.planning.quality_curve import check_group

SHOWN = 5
"""Unknown items that a message names."""


@dataclass(frozen=True, kw_only=True)
class MadeSessionPack:
    """Contents of a session pack.

    Args:
        pack: the pack.
        left_out: keys that the bundle holds bit for bit, in row order.
    """

    pack: SessionPack
    left_out: tuple[str, ...]


def make_session_pack(
    checkpoint: Checkpoint, keys: Sequence[str], *, group: int | None = None, bundle: Bundle | None = None
) -> MadeSessionPack:
    """Take items of a checkpoint into a session pack.

    Args:
        checkpoint: where their embeddings are.
        keys: of the items, in any order.
        group: user group whose table they are taken from; without it that of the bundle, or 0.
        bundle: leave out what it holds with every bit plane; None takes all.

    Returns:
        The pack, its items in the order of the checkpoint's rows, and what was left out.

    Raises:
        ConfigError: an item or the group is unknown, the bundle is of another checkpoint or group, or nothing is left.
    """
    chosen = _group(checkpoint, group, bundle)
    rows = _rows(checkpoint, keys)
    encoded = encode(checkpoint.table(chosen).numpy(), group_sizes=checkpoint.config.model.group_sizes)

    def pack(wanted: Sequence[int]) -> SessionPack:
        items = ItemCatalogue(
            keys=tuple(checkpoint.item_keys[row] for row in wanted),
            titles=tuple(checkpoint.item_titles[row] for row in wanted),
        )
        return SessionPack.of_rows(encoded, wanted, items, checkpoint_sha256=checkpoint.sha256, group=str(chosen))

    complete = pack(rows)
    if bundle is None:
        return MadeSessionPack(pack=complete, left_out=())
    held = _held(complete, bundle)
    left_out = tuple(key for key in complete.items.keys if key in held)
    if len(left_out) == len(rows):
        raise ConfigError(
            f"There is nothing to send: the bundle holds all {len(rows):,} items with every bit plane already."
        )
    needed = [row for row in rows if checkpoint.item_keys[row] not in held]
    return MadeSessionPack(pack=pack(needed), left_out=left_out)


def _group(checkpoint: Checkpoint, group: int | None, bundle: Bundle | None) -> int:
    if bundle is None:
        check_group(checkpoint.config.model.user_groups, group or 0)
        return group or 0
    manifest = bundle.manifest
    if manifest.checkpoint_sha256 != checkpoint.sha256:
        raise ConfigError(
            f"The bundle was made from checkpoint {manifest.checkpoint_sha256}, not from {checkpoint.sha256}: name "
            "its own with --checkpoint."
        )
    groups = range(checkpoint.config.model.user_groups)
    chosen = next((number for number in groups if str(number) == manifest.group), None)
    if chosen is None or group not in (None, chosen):
        raise ConfigError(
            f"The bundle is for user group {manifest.group}, the pack would be for {group or 0}: a pack serves bundles "
            "of its own group only. Leave out --group, or name another bundle."
        )
    return chosen


def _rows(checkpoint: Checkpoint, keys: Sequence[str]) -> list[int]:
    row_of = {key: row for row, key in enumerate(checkpoint.item_keys)}
    unknown = [key for key in keys if key not in row_of]
    if unknown:
        shown = ", ".join(map(repr, unknown[:SHOWN])) + (", …" if len(unknown) > SHOWN else "")
        raise ConfigError(
            f"{len(unknown):,} of {len(keys):,} items are not in the checkpoint: {shown}. Its keys look like "
            f"{checkpoint.item_keys[0]!r}. Correct these or remove them: an item without an embedding cannot be sent."
        )
    return sorted({row_of[key] for key in keys})


def _held(pack: SessionPack, bundle: Bundle) -> set[str]:
    """Return keys of the items of a pack whose embedding the bundle gives bit for bit."""
    known = [(place, row) for place, key in enumerate(pack.items.keys) if (row := bundle.items.row_of(key)) is not None]
    if not known:
        return set()
    places, rows = np.array(known).T
    same = (bundle.table.lookup(rows) == pack.lookup(places)).all(axis=1)
    return {pack.items.keys[place] for place in places[same]}
