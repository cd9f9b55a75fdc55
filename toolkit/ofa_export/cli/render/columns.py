"""Aligned columns for terminals, pipes and CI logs alike: nothing is wrapped, no line ends with blanks.

Cells may be foreign texts: each is made harmless before it is measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from ofa_export.foreign_text import shown

GAP = "  "


def columns(rows: Sequence[Sequence[str]], *, align: str) -> list[str]:
    """Lay out rows of cells.

    Args:
        rows: the cells of each row, as many as columns; a heading is a row like any other.
        align: one character per column, `<` for text and `>` for numbers.

    Returns:
        One line per row.
    """
    harmless = [[shown(cell) for cell in row] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(*harmless, strict=True)]
    return [
        GAP.join(f"{cell:{side}{width}}" for cell, side, width in zip(row, align, widths, strict=True)).rstrip()
        for row in harmless
    ]
