"""The elastic item table: rows looked up in the tiles that are present, whatever prefix of the order that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ofa_export.bundle.codes import BLOCK_WIDTH, PLANES, CodeBook, EncodedTable, row_pieces
from ofa_export.bundle.tile_order import TileOrder, planes_of_prefix, prefix_bytes
from ofa_export.bundle.tiles import codes_of_bytes, pack_tiles, unpack_tiles
from ofa_export.errors import ConfigError

Rows = Sequence[int] | NDArray[np.integer]


@dataclass(frozen=True, kw_only=True, eq=False)
class ElasticTable:
    """An item table of which the first `tile_count` tiles are present; the tiles may be a view of a file's bytes.

    Args:
        group_sizes: items of each group, int64 `[G]`.
        rms: scale of each group and block, float32 `[G, N]`.
        book: the tables that turn codes into values.
        order: the order of all tiles, present or not.
        tile_count: tiles that are present.
        tiles: their bytes and nothing beyond, uint8.
    """

    group_sizes: NDArray[np.int64]
    rms: NDArray[np.float32]
    book: CodeBook
    order: TileOrder
    tile_count: int
    tiles: NDArray[np.uint8]

    @classmethod
    def from_encoded(cls, encoded: EncodedTable, order: TileOrder) -> ElasticTable:
        """Return the table with all of its tiles.

        Raises:
            ConfigError: the order is one of another number of groups or blocks.
        """
        if encoded.rms.shape != (order.groups, order.blocks):
            raise ConfigError(
                f"The tile order is made for {order.groups} groups x {order.blocks} blocks, the table has "
                f"{encoded.rms.shape[0]} x {encoded.rms.shape[1]}."
            )
        return cls(
            group_sizes=encoded.group_sizes,
            rms=encoded.rms,
            book=encoded.book,
            order=order,
            tile_count=len(order),
            tiles=pack_tiles(encoded, order),
        )

    @property
    def items(self) -> int:
        """V, rows of the table."""
        return int(self.group_sizes.sum())

    @property
    def width(self) -> int:
        """d, values of a row."""
        return self.order.blocks * BLOCK_WIDTH

    @cached_property
    def planes(self) -> NDArray[np.uint8]:
        """Leading bit planes present in each group and block, `[G, N]`."""
        return planes_of_prefix(self.order, self.tile_count)

    def with_tiles(self, count: int) -> ElasticTable:
        """Return the same table with a shorter prefix: what a phone under memory pressure keeps. Nothing is copied.

        Raises:
            ConfigError: `count` is negative or more than is present.
        """
        if not 0 <= count <= self.tile_count:
            raise ConfigError(f"{count} tiles were asked for; this table holds 0 to {self.tile_count}.")
        return replace(self, tile_count=count, tiles=self.tiles[: self._starts[count]])

    def lookup(self, rows: Rows) -> NDArray[np.float32]:
        """Return embeddings of some items; reads one byte per present tile and item, and no others.

        Args:
            rows: item rows, `[n]`, each in 0..V-1.

        Returns:
            float32 `[n, d]`.

        Raises:
            ConfigError: a row is out of range.
        """
        group = self._groups_of(rows)
        return self._values(self._codes(rows, group), group)

    def codes(self, rows: Rows) -> NDArray[np.uint8]:
        """Return codes of some items, uint8 `[n, d]`; absent bits are 0.

        Raises:
            ConfigError: a row is out of range.
        """
        return self._codes(rows, self._groups_of(rows))

    def _values(self, codes: NDArray[np.uint8], group: NDArray[np.int64]) -> NDArray[np.float32]:
        position = self._value_starts[group] + (codes >> self._absent_bits[group])
        # Adding zero turns the -0.0 of an absent block into 0.0, so that "nothing" has one bit pattern.
        values: NDArray[np.float32] = self.book.values[position] * self._scales[group] + np.float32(0)
        return values

    def _codes(self, rows: Rows, group: NDArray[np.int64]) -> NDArray[np.uint8]:
        if not len(self.tiles):
            return np.zeros((len(group), self.width), np.uint8)
        inside = np.asarray(rows, np.int64) - (self._stops - self.group_sizes)[group]
        present = self._tile_present[group]
        # An absent tile reads the first byte there is, and the mask takes it away: quicker than choosing bytes.
        where = self._tile_starts[group] + inside[:, None] * (present & 1)
        packed = self.tiles[where] & present
        return codes_of_bytes(packed.reshape(len(packed), self.order.blocks, PLANES))

    def rows(self, rows: range) -> NDArray[np.float32]:
        """Return embeddings of consecutive items: the same as `lookup` gives, in a fraction of its time.

        Args:
            rows: n item rows, without gaps.

        Returns:
            float32 `[n, d]`.
        """
        codes = unpack_tiles(self.tiles, self.order, self.group_sizes, self.tile_count, rows=rows)
        return self._values(codes, self._groups_of(rows))

    def all_rows(self) -> NDArray[np.float32]:
        """Return the whole table, float32 `[V, d]`."""
        values = np.empty((self.items, self.width), np.float32)
        for piece in row_pieces(self.items):
            values[piece] = self.rows(range(piece.start, piece.stop))
        return values

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return prefix_bytes(self.order, self.group_sizes)

    @cached_property
    def _stops(self) -> NDArray[np.int64]:
        return np.cumsum(self.group_sizes)

    @cached_property
    def _tile_starts(self) -> NDArray[np.int64]:
        """Start of each tile in bytes, 0 if absent, `[G, N * 8]`."""
        starts = np.zeros(len(self.order), np.int64)
        starts[self.order.tiles[: self.tile_count]] = self._starts[: self.tile_count]
        return starts.reshape(self.order.groups, -1)

    @cached_property
    def _tile_present(self) -> NDArray[np.uint8]:
        """255 where a tile is present, 0 where it is absent, `[G, N * 8]`."""
        present = np.zeros(len(self.order), np.uint8)
        present[self.order.tiles[: self.tile_count]] = 255
        return present.reshape(self.order.groups, -1)

    @cached_property
    def _absent_bits(self) -> NDArray[np.uint8]:
        """Bits that each value's code lacks, `[G, d]`."""
        return PLANES - np.repeat(self.planes, BLOCK_WIDTH, axis=1)

    @cached_property
    def _value_starts(self) -> NDArray[np.int32]:
        """Start of the table for each value's planes in the code book, `[G, d]`."""
        present = PLANES - self._absent_bits.astype(np.int32)
        starts: NDArray[np.int32] = np.maximum((1 << present) - 2, 0)
        return starts

    @cached_property
    def _scales(self) -> NDArray[np.float32]:
        """Scale of each value, 0 where it has no plane, `[G, d]`."""
        scales = np.where(self.planes > 0, self.rms, np.float32(0))
        return np.repeat(scales, BLOCK_WIDTH, axis=1)

    def _groups_of(self, rows: Rows) -> NDArray[np.int64]:
        wanted = np.asarray(rows, np.int64)
        if wanted.ndim != 1 or (wanted.size and not (wanted.min() >= 0 and wanted.max() < self.items)):
            raise ConfigError(f"Item rows must be a list of numbers in 0..{self.items - 1}, not {wanted.tolist()[:8]}.")
        return np.searchsorted(self._stops, wanted, side="right")
