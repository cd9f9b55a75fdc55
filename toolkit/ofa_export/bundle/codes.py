"""One 8-bit code per value, whose leading k bits are a usable k-bit code for every k (companded, fitted tables).

With z = e / rms_gn (rms of the values of item group g in block n, float32) the code of a value e is

    q = floor(128 * (1 + f(clip(z / c, -1, 1)))), limited to 0..255,    f(x) = sign(x) |x|^a

with the clip c = 3 and the exponent a = 0.7. When the k most significant bits are present the value is

    table_k[q >> (8 - k)] * rms_gn      (one float32 multiplication), and 0 when k = 0.

The eight tables lie behind each other in one array of 510 float32: table_k starts at element 2^k - 2. An entry is the
mean of the normalised values z in its cell; in a cell that no value falls into, the inverse of the code at the cell's
centre. Dimensions that are zero in every item are padding, and count neither for rms nor for the tables. A block of
zeros has rms 0, and so decodes to 0.

Codes are the same on every processor: a value is compared with the 255 borders between codes, which are computed in
decimal arithmetic. The power function of a processor's own library may differ in the last digit.

Source: our choice; the measurements behind it are in the design of the bundle (companding serves all plane counts).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ofa_export.errors import ConfigError

ROWS_AT_ONCE = 2**12
"""Rows of a piece; the float64 values of all rows of a million items would need ten times the table."""

BLOCK_WIDTH = 8
PLANES = 8
TABLE_VALUES: int = 2 ** (PLANES + 1) - 2
CLIP = 3.0
EXPONENT = 0.7
_ARITHMETIC = Context(prec=30)
"""Of borders and centres: integers inside, and so alike everywhere; twice the digits of a float64."""


def row_pieces(rows: int) -> Iterator[slice]:
    """Return the rows 0 to `rows` - 1, `ROWS_AT_ONCE` at a time, both ends given."""
    return (slice(start, min(start + ROWS_AT_ONCE, rows)) for start in range(0, rows, ROWS_AT_ONCE))


@dataclass(frozen=True, kw_only=True, eq=False)
class CodeBook:
    """The fitted decoding tables of one bundle.

    Args:
        clip: c, in units of the block's rms.
        exponent: a of the companding function.
        values: the eight tables behind each other, float32 `[510]`.
    """

    clip: float
    exponent: float
    values: NDArray[np.float32]

    def table(self, planes: int) -> NDArray[np.float32]:
        """Return the `2^planes` values of the code that is left when `planes` (1..8) bits are present."""
        return self.values[2**planes - 2 : 2 ** (planes + 1) - 2]


@dataclass(frozen=True, kw_only=True, eq=False)
class EncodedTable:
    """An item table as codes.

    Args:
        codes: uint8 `[V, d]`.
        rms: scale of each group and block, float32 `[G, N]`.
        book: the tables that turn codes into values.
        group_sizes: items of each group, int64 `[G]`; groups are contiguous ranges of rows.
    """

    codes: NDArray[np.uint8]
    rms: NDArray[np.float32]
    book: CodeBook
    group_sizes: NDArray[np.int64]


def encode(
    table: NDArray[np.float32], *, group_sizes: Sequence[int], clip: float = CLIP, exponent: float = EXPONENT
) -> EncodedTable:
    """Code an item table in 8 bits per value and fit the tables for 1..8 planes.

    Args:
        table: item embeddings `[V, d]`, d a multiple of 8, rows sorted by popularity.
        group_sizes: items of each group; at least one each, V in all.
        clip: c, in units of the block's rms.
        exponent: a of the companding function.

    Raises:
        ConfigError: shapes that do not fit together, parameters out of range, or values that are not finite.
    """
    sizes = np.asarray(group_sizes, np.int64)
    _check_table(table, sizes)
    if not (0 < clip <= 100 and 0.1 <= exponent <= 1):
        raise ConfigError(f"The code needs 0 < clip <= 100 and 0.1 <= exponent <= 1, not {clip} and {exponent}.")
    real: NDArray[np.bool_] = np.asarray(table.any(axis=0))
    rms = _block_rms(table, sizes, real)
    codes = np.empty(table.shape, np.uint8)
    counts, sums = np.zeros(2**PLANES, np.int64), np.zeros(2**PLANES)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    borders = _inverse(tuple(2 * code / 2**PLANES - 1 for code in range(1, 2**PLANES)), clip, exponent)
    for rows in row_pieces(len(table)):
        scale = np.repeat(rms[groups[rows]], BLOCK_WIDTH, axis=1)
        normal = np.divide(table[rows], scale, out=np.zeros(scale.shape), where=scale > 0, dtype=np.float64)
        found = np.searchsorted(borders, normal, side="right").astype(np.uint8)
        codes[rows], used = found, (scale > 0) & real
        counts += np.bincount(found[used], minlength=2**PLANES)
        sums += np.bincount(found[used], weights=normal[used], minlength=2**PLANES)
    return EncodedTable(codes=codes, rms=rms, book=_fit(counts, sums, clip, exponent), group_sizes=sizes)


def decode(encoded: EncodedTable, planes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the item table that a bundle with these planes holds.

    Args:
        encoded: the coded table.
        planes: leading bit planes present in each group and block, 0..8, `[G, N]`.

    Returns:
        float32 `[V, d]`; bits of a code beyond its planes are ignored.
    """
    per_row, rms = np.repeat(planes, encoded.group_sizes, axis=0), np.repeat(encoded.rms, encoded.group_sizes, axis=0)
    count = np.repeat(per_row, BLOCK_WIDTH, axis=1).astype(np.int32)
    position = np.maximum((1 << count) - 2, 0) + (encoded.codes.astype(np.int32) >> (PLANES - count))
    scale = np.where(count > 0, np.repeat(rms, BLOCK_WIDTH, axis=1), np.float32(0))
    # Adding zero turns the -0.0 of an absent block into 0.0, so that "nothing" has one bit pattern.
    values: NDArray[np.float32] = encoded.book.values[position] * scale + np.float32(0)
    return values


def products_are_finite(rms: NDArray[np.float32], values: NDArray[np.float32]) -> bool:
    """Tell whether every embedding that scales and decoding tables can give is finite.

    Args:
        rms: scales, finite, of any shape.
        values: of the decoding tables, finite, of any shape.
    """
    with np.errstate(over="ignore"):
        return bool(np.isfinite(rms.max() * np.abs(values).max()))


def _block_rms(table: NDArray[np.float32], sizes: NDArray[np.int64], real: NDArray[np.bool_]) -> NDArray[np.float32]:
    energy = np.empty((len(table), table.shape[1] // BLOCK_WIDTH))
    for rows in row_pieces(len(table)):
        values = table[rows].astype(np.float64)
        energy[rows] = np.square(values).reshape(len(values), -1, BLOCK_WIDTH).sum(axis=2)
    of_groups = np.add.reduceat(energy, np.cumsum(sizes) - sizes, axis=0)
    values_of_item = np.maximum(real.reshape(-1, BLOCK_WIDTH).sum(axis=1), 1)
    rms: NDArray[np.float32] = np.sqrt(of_groups / (values_of_item * sizes[:, None])).astype(np.float32)
    return rms


def _fit(counts: NDArray[np.int64], sums: NDArray[np.float64], clip: float, exponent: float) -> CodeBook:
    tables = []
    for planes in range(1, PLANES + 1):
        cells = 2**planes
        inverse = _inverse(tuple((2 * cell + 1) / cells - 1 for cell in range(cells)), clip, exponent)
        members = counts.reshape(cells, -1).sum(axis=1)
        tables.append(np.where(members > 0, sums.reshape(cells, -1).sum(axis=1) / np.maximum(members, 1), inverse))
    return CodeBook(clip=clip, exponent=exponent, values=np.concatenate(tables).astype(np.float32))


@cache
def _inverse(companded: tuple[float, ...], clip: float, exponent: float) -> NDArray[np.float64]:
    """Return the values z whose f(z / c) is as given, rounded to float64 once."""
    power = _ARITHMETIC.divide(Decimal(1), Decimal(exponent))
    sizes = [_ARITHMETIC.power(abs(Decimal(value)), power) if value else Decimal(0) for value in companded]
    return np.copysign([float(_ARITHMETIC.multiply(Decimal(clip), size)) for size in sizes], companded)


def _check_table(table: NDArray[np.float32], sizes: NDArray[np.int64]) -> None:
    if table.ndim != 2 or not table.size or table.shape[1] % BLOCK_WIDTH:
        raise ConfigError(
            f"The item table has shape {list(table.shape)}; needed are [items, width] with a width that is a "
            f"multiple of {BLOCK_WIDTH}."
        )
    if sizes.ndim != 1 or not len(sizes) or sizes.min() < 1 or sizes.sum() != len(table):
        raise ConfigError(
            f"Groups of {sizes.tolist()} items do not cut a table of {len(table)} items: every group needs at least "
            "one item and the sizes must add up; use fewer groups."
        )
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        raise ConfigError(
            f"The item table holds {table[row, column]} at row {row}, column {column}: only finite embeddings can be "
            "exported; train again or repair the checkpoint."
        )
