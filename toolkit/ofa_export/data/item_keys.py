"""A list of items: the column `item_id` of a table, or the lines of a text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ofa_export.data.tables import as_text, collect, scan_columns
from ofa_export.errors import InteractionsError
from ofa_export.support.input import read_regular

HEADING = "item_id"

MAX_TEXT = 2**30
"""Bytes of a text of keys: a hundred for each of ten million items."""


def read_item_keys(path: Path, *, columns: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Read item keys.

    Args:
        path: a table with the column `item_id`, of any kind that `open_table` reads, other columns ignored; or a
            `.txt` file (UTF-8) with one key per line, of which the first may be the heading `item_id`.
        columns: our name of a column -> its name in the file, where that differs.

    Returns:
        The keys without surrounding blanks, each once, in file order; empty ones are left out.

    Raises:
        InteractionsError: the file cannot be read, or names no item.
    """
    keys = dict.fromkeys(
        key for key in (_lines(path) if path.suffix.lower() == ".txt" else _column(path, columns)) if key
    )
    if not keys:
        raise InteractionsError(f"{path} names no item. Write one item key per line under the heading {HEADING}.")
    return tuple(keys)


def _column(path: Path, columns: Mapping[str, str] | None) -> list[str]:
    rows = scan_columns(path, (HEADING,), named=columns)
    table = collect(path, rows.select(as_text(path, rows, HEADING))).drop_nulls()
    return list(table[HEADING])


def _lines(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in read_regular(path, most=MAX_TEXT).decode("utf-8-sig").splitlines()]
    except OSError as error:
        raise InteractionsError(f"{path} cannot be read: {error.strerror or error}. Check the path.") from error
    except UnicodeDecodeError as error:
        raise InteractionsError(f"{path} is not UTF-8 text. Save it again with the encoding UTF-8.") from error
    return lines[1:] if lines[:1] == [HEADING] else lines
