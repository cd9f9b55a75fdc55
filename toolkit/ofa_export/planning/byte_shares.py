"""Where each byte of a bundle goes: its entries, and what is inside graphs and embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ofa_export.bundle import embeddings
from ofa_export.bundle.codes import PLANES
from ofa_export.planning.plan import Plan


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


def byte_shares(plan: Plan, *, weights: Mapping[str, int]) -> tuple[ByteShare, ...]:
    """The parts of the planned bundle, largest first.

    Args:
        plan: of the bundle.
        weights: bytes of the weights of its graphs, by part of the network.
    """
    contents = plan.contents
    inside = {contents.graph_entry: weights, embeddings.ENTRY: _planes(plan)}
    return _largest_first(
        ByteShare(name=part.name, bytes=part.bytes, inside=_divided(part.bytes, inside.get(part.name, {})))
        for part in plan.parts
    )


def _planes(plan: Plan) -> dict[str, int]:
    """Bytes of the kept tiles by bit plane, the most significant first."""
    table = plan.contents.table
    kept = table.order.tiles[: plan.tiles]
    sizes = table.group_sizes[table.order.tile_groups[: plan.tiles]]
    by_plane = np.bincount(kept % PLANES, weights=sizes, minlength=PLANES).astype(int)
    return {f"bit plane {plane}": int(size) for plane, size in enumerate(by_plane) if size}


def _divided(total: int, known: Mapping[str, int]) -> tuple[ByteShare, ...]:
    if not known:
        return ()
    rest = total - sum(known.values())
    shares = [ByteShare(name=name, bytes=size) for name, size in known.items() if size]
    return _largest_first([*shares, *([ByteShare(name="everything else", bytes=rest)] if rest > 0 else [])])


def _largest_first(shares: Iterable[ByteShare]) -> tuple[ByteShare, ...]:
    return tuple(sorted(shares, key=lambda share: -share.bytes))
