"""The order in which a growing budget adds tiles; every prefix of it is the answer for a smaller budget.

A tile (g, n, p) is bit plane p of block n for the items of group g. Its index is (g * N + n) * 8 + p, stored as uint16.
An order is a permutation of all G * N * 8 indices in which plane p of a block comes after its planes 0..p-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ofa_export.bundle.codes import PLANES
from ofa_export.bundle.document import MAX_TILES, OrderName
from ofa_export.errors import ConfigError


@dataclass(frozen=True, kw_only=True, eq=False)
class TileOrder:
    """A complete, checked order of all tiles.

    Args:
        name: how it was made.
        groups: G.
        blocks: N.
        tiles: tile indices, most important first, uint16 `[G * N * 8]`.

    Raises:
        ConfigError: it is not a valid order (see `check_order`).
    """

    name: OrderName
    groups: int
    blocks: int
    tiles: NDArray[np.uint16]

    def __post_init__(self) -> None:
        check_order(self.tiles, groups=self.groups, blocks=self.blocks)

    def __len__(self) -> int:
        return len(self.tiles)

    @property
    def tile_groups(self) -> NDArray[np.int64]:
        """Item group of each tile, in order, int64 `[G * N * 8]`."""
        return self.tiles.astype(np.int64) // (self.blocks * PLANES)


def plane_order(groups: int, blocks: int) -> TileOrder:
    """Precision is given up first: plane 0 of blocks 0..N-1 (each for all groups), then plane 1, and so on.

    Source: our choice; measured to beat every order that drops whole blocks.

    Args:
        groups: G.
        blocks: N.
    """
    _check_count(groups, blocks)
    index = np.arange(groups * blocks * PLANES).reshape(groups, blocks, PLANES)
    tiles = index.transpose(2, 1, 0).ravel().astype(np.uint16)
    return TileOrder(name="planes", groups=groups, blocks=blocks, tiles=tiles)


def block_order(importance: ArrayLike, *, name: Literal["peel", "magnitude"]) -> TileOrder:
    """Whole blocks by importance, eight planes each; every group's best block comes before all others.

    Source: PEEL, selection by the controller's weights with at least one block for each item group.

    Args:
        importance: weight of each block of each group, `[G, N]`; equal weights go by group, then block.
        name: where the weights come from.

    Raises:
        ConfigError: the weights are not a matrix of finite numbers.
    """
    weights = np.asarray(importance, np.float64)
    if weights.ndim != 2 or not weights.size or not np.isfinite(weights).all():
        raise ConfigError(f"Block importance must be finite numbers of shape [G, N], not {weights.shape} of {weights}.")
    groups, blocks = weights.shape
    _check_count(groups, blocks)
    ranked = np.argsort(-weights.ravel(), kind="stable")
    best = np.zeros(len(ranked), bool)
    best[np.unique(ranked // blocks, return_index=True)[1]] = True
    chosen = np.concatenate([ranked[best], ranked[~best]])
    tiles = (chosen[:, None] * PLANES + np.arange(PLANES)).ravel().astype(np.uint16)
    return TileOrder(name=name, groups=groups, blocks=blocks, tiles=tiles)


def check_order(tiles: NDArray[np.uint16], *, groups: int, blocks: int) -> None:
    """Check that tile indices are a permutation in which the planes of every block come in turn.

    Raises:
        ConfigError: they are not, or there are more than 65,536 tiles.
    """
    _check_count(groups, blocks)
    total = groups * blocks * PLANES
    if tiles.shape != (total,) or not np.array_equal(np.sort(tiles), np.arange(total)):
        raise ConfigError(f"The tile order must name each of its {total} tiles exactly once.")
    place = np.argsort(tiles).reshape(-1, PLANES)
    late = np.argwhere(np.diff(place, axis=1) < 0)
    if len(late):
        block, plane = late[0]
        raise ConfigError(
            f"The tile order has plane {plane + 1} of block {block % blocks} of group {block // blocks} before "
            f"plane {plane}: a plane is of no use without those above it."
        )


def floor_tiles(order: TileOrder) -> int:
    """Return tiles of the shortest prefix in which every item group has at least one tile."""
    return int(np.unique(order.tile_groups, return_index=True)[1].max()) + 1


def planes_of_prefix(order: TileOrder, count: int) -> NDArray[np.uint8]:
    """Leading bit planes that the first `count` tiles hold of each group and block, uint8 `[G, N]`."""
    block = order.tiles[:count] // PLANES
    planes = np.bincount(block, minlength=order.groups * order.blocks)
    return planes.reshape(order.groups, order.blocks).astype(np.uint8)


def prefix_bytes(order: TileOrder, group_sizes: ArrayLike) -> NDArray[np.int64]:
    """Return bytes of every prefix of the order: element t is the size of the first t tiles.

    Args:
        order: the order of the tiles.
        group_sizes: items of each group, `[G]`; a tile takes one byte per item.

    Returns:
        int64 `[G * N * 8 + 1]`, starting with 0.
    """
    sizes = np.asarray(group_sizes, np.int64)[order.tile_groups]
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])


def _check_count(groups: int, blocks: int) -> None:
    if groups < 1 or blocks < 1 or groups * blocks * PLANES > MAX_TILES:
        raise ConfigError(
            f"{groups} item groups x {blocks} blocks x {PLANES} planes do not give 1 to {MAX_TILES:,} tiles; "
            "use fewer item groups or a narrower table."
        )
