"""Rows of a table in pieces: a million items are never held at once in another type than the table's own."""

from __future__ import annotations

from collections.abc import Iterator

ROWS_AT_ONCE = 2**12
"""Rows of a piece; the float64 values of all rows of a million items would need ten times the table."""


def row_pieces(rows: int) -> Iterator[slice]:
    """Divide the rows 0 to `rows` - 1 into slices of `ROWS_AT_ONCE`, both ends given."""
    return (slice(start, min(start + ROWS_AT_ONCE, rows)) for start in range(0, rows, ROWS_AT_ONCE))
