"""Aligned columns for terminals, pipes and CI logs alike: nothing is wrapped, no line ends with blanks."""

from __future__ import annotations

from collections.abc import Sequence

GAP = "  "


def columns(rows: Sequence[Sequence[str]], *, align: str) -> str:
    """Lay out rows of cells.

    Args:
        rows: the cells of each row, as many as columns; a heading is a row like any other.
        align: one character per column, `<` for text and `>` for numbers.

    Returns:
        One line per row.
    """
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return "\n".join(
        GAP.join(f"{cell:{side}{width}}" for cell, side, width in zip(row, align, widths, strict=True)).rstrip()
        for row in rows
    )
