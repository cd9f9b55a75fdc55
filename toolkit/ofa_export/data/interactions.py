"""Interactions files: who took what, and when; checked row by row before anything is trained on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ofa_export.data.tables import as_text, read_columns
from ofa_export.errors import InteractionsError

COLUMNS = ("user_id", "item_id", "timestamp")

_ROW = "row"
_SHOWN = 5
# What spreadsheets and data frames write where an id is missing.
_NO_ID = ("", "nan", "null", "none", "inf", "-inf")


@dataclass(frozen=True, kw_only=True)
class ReadReport:
    """What was left out while reading; nothing here stops the training.

    Args:
        rows: interactions kept.
        blank_rows: rows in which all three columns were empty.
        duplicate_rows: exact repetitions of an earlier row (same user, item and time).
    """

    rows: int
    blank_rows: int
    duplicate_rows: int

    def warnings(self) -> tuple[str, ...]:
        """One sentence for each thing that was left out."""
        counts = (
            ("Blank rows skipped", self.blank_rows),
            ("Rows dropped that repeat an earlier row exactly (same user, item and time)", self.duplicate_rows),
        )
        return tuple(f"{what}: {count:,}." for what, count in counts if count)


def read_interactions(path: Path) -> pl.DataFrame:
    """Reads an interactions file; see `read_interactions_with_report`, of which this is the first result."""
    return read_interactions_with_report(path)[0]


def read_interactions_with_report(
    path: Path, *, columns: Mapping[str, str] | None = None
) -> tuple[pl.DataFrame, ReadReport]:
    """Reads and checks a CSV or Parquet file with the columns `user_id`, `item_id` and `timestamp`.

    Args:
        path: the file; other columns are ignored. Times are numbers, in seconds.
        columns: our name of a column -> its name in the file, where that differs.

    Returns:
        The frame (`user_id` and `item_id` text, `timestamp` Int64, or Float64 where seconds have fractions), rows in
        file order without exact repetitions, and the report of what was left out.

    Raises:
        InteractionsError: the file, a column or a row cannot be used; the sentence names it and says what to do.
    """
    table = read_columns(path, COLUMNS, named=columns).with_row_index(_ROW, offset=1)
    rows = table.filter(~pl.all_horizontal(pl.col(COLUMNS).is_null()))
    if rows.is_empty():
        raise InteractionsError(f"{path} has a header but no interactions. Add one row per interaction.")
    frame = pl.DataFrame(
        {
            "user_id": _ids(path, rows, "user_id"),
            "item_id": _ids(path, rows, "item_id"),
            "timestamp": _times(path, rows),
        }
    )
    for column, noun in (("user_id", "user"), ("item_id", "item")):
        if frame[column].n_unique() < 2:
            raise InteractionsError(
                f"{path} has a single {noun}, {frame[column][0]!r}, in column {column}. "
                f"Training compares {noun}s: give interactions with at least two."
            )
    kept = frame.unique(maintain_order=True, keep="first")
    report = ReadReport(
        rows=kept.height, blank_rows=table.height - rows.height, duplicate_rows=frame.height - kept.height
    )
    return kept, report


def _ids(path: Path, rows: pl.DataFrame, column: str) -> pl.Series:
    text = as_text(path, rows[column])
    bad = text.is_null() | text.str.to_lowercase().is_in(_NO_ID)
    _refuse(path, rows, column, bad, "has no usable id", "Fill them in or remove the rows.")
    return text


def _times(path: Path, rows: pl.DataFrame) -> pl.Series:
    values = rows["timestamp"]
    if values.dtype.is_temporal():
        raise InteractionsError(
            f"{path}: column timestamp holds {values.dtype}. "
            "Convert it to seconds first, in polars with pl.col('timestamp').dt.epoch('s')."
        )
    if not (values.dtype.is_numeric() or values.dtype == pl.String):
        raise InteractionsError(f"{path}: column timestamp holds {values.dtype}. Write seconds as numbers.")
    text = values.str.strip_chars() if values.dtype == pl.String else values
    seconds = text.cast(pl.Float64, strict=False)
    advice = "Times are numbers, in seconds (Unix time for example): convert them or remove the rows."
    _refuse(path, rows, "timestamp", seconds.is_null() | ~seconds.is_finite(), "is not a number of seconds", advice)
    # Large integers stay exact only if they never pass through a float.
    whole = text.cast(pl.Int64, strict=False)
    fits = not whole.has_nulls() and (whole.cast(pl.Float64) == seconds).all()
    return whole if fits else seconds


def _refuse(path: Path, rows: pl.DataFrame, column: str, bad: pl.Series, problem: str, advice: str) -> None:
    if not bad.any():
        return
    wrong = rows.filter(bad)
    shown = [f"row {row}: {_quote(value)}" for row, value in wrong.select(_ROW, column).head(_SHOWN).rows()]
    more = f" and {wrong.height - _SHOWN:,} more" if wrong.height > _SHOWN else ""
    raise InteractionsError(
        f"{path}: column {column} {problem} in {wrong.height:,} of {rows.height:,} rows "
        f"({', '.join(shown)}{more}; row 1 follows the header). {advice}"
    )


def _quote(value: object) -> str:
    if value is None:
        return "empty"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
