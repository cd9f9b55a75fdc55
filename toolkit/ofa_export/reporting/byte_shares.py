"""Shares of the bytes of a bundle: its entries, and what is inside graphs and embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ofa_export.bundle.codes import PLANES
from ofa_export.bundle.table import ElasticTable


@dataclass(frozen=True, kw_only=True)
class ByteShare:
    """A part of a bundle.

    Args:
        name: what it is.
        bytes: its size.
        inside: what it consists of, largest first; empty where nothing more is known. Their bytes add up to its own.
    """

    name: str
    bytes: int
    inside: tuple[ByteShare, ...] = ()


def shares(parts: Iterable[tuple[str, int]], *, inside: Mapping[str, Mapping[str, int]]) -> tuple[ByteShare, ...]:
    """Return parts of a file, largest first.

    Args:
        parts: names and bytes.
        inside: of some parts, bytes of what they consist of by name; what is missing there is "everything else".
    """
    return _largest_first(
        ByteShare(name=name, bytes=size, inside=_divided(size, inside.get(name, {}))) for name, size in parts
    )


def plane_bytes(table: ElasticTable, tiles: int) -> dict[str, int]:
    """Return bytes of the first `tiles` tiles by bit plane, the most significant first."""
    sizes = table.group_sizes[table.order.tile_groups[:tiles]]
    by_plane = np.bincount(table.order.tiles[:tiles] % PLANES, weights=sizes, minlength=PLANES).astype(int)
    return {f"bit plane {plane}": int(size) for plane, size in enumerate(by_plane) if size}


def _divided(total: int, known: Mapping[str, int]) -> tuple[ByteShare, ...]:
    if not known:
        return ()
    rest = total - sum(known.values())
    shares = [ByteShare(name=name, bytes=size) for name, size in known.items() if size]
    return _largest_first([*shares, *([ByteShare(name="everything else", bytes=rest)] if rest > 0 else [])])


def _largest_first(shares: Iterable[ByteShare]) -> tuple[ByteShare, ...]:
    return tuple(sorted(shares, key=lambda share: -share.bytes))
