"""Interactions files: who took what, and when; checked row by row before anything is trained on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ofa_export.data.tables import as_text, collect, scan_columns
from ofa_export.errors import InteractionsError

COLUMNS = ("user_id", "item_id", "timestamp")

_ROW = "row"
_SHOWN = 5
# What spreadsheets and data frames write where an id is missing.
_NO_ID = ("", "nan", "null", "none", "inf", "-inf")


@dataclass(frozen=True, kw_only=True)
class InteractionsFile:
    """Checked interactions, still in their file.

    Args:
        rows: `user_id` and `item_id` text, `timestamp` Int64, or Float64 where seconds have fractions; in file order.
        blank_rows: rows left out because all three columns were empty.
    """

    rows: pl.LazyFrame
    blank_rows: int


@dataclass(frozen=True, kw_only=True)
class ReadReport:
    """Counts of what was left out while reading; nothing here stops the training.

    Args:
        rows: interactions kept.
        blank_rows: rows in which all three columns were empty.
        duplicate_rows: exact repetitions of an earlier row (same user, item and time).
    """

    rows: int
    blank_rows: int
    duplicate_rows: int

    def warnings(self) -> tuple[str, ...]:
        """Return one sentence for each thing that was left out."""
        return (*blank_warning(self.blank_rows), *repetition_warning(self.duplicate_rows))


def blank_warning(count: int) -> tuple[str, ...]:
    """Return a sentence about blank rows, or none where there were none."""
    return (f"Blank rows skipped: {count:,}.",) if count else ()


def repetition_warning(count: int) -> tuple[str, ...]:
    """Return a sentence about rows that repeat an earlier one, or none where there were none."""
    message = f"Rows dropped that repeat an earlier row exactly (same user, item and time): {count:,}."
    return (message,) if count else ()


def read_interactions(path: Path) -> pl.DataFrame:
    """Read an interactions file; see `read_interactions_with_report`, of which this is the first result."""
    return read_interactions_with_report(path)[0]


def read_interactions_with_report(path: Path) -> tuple[pl.DataFrame, ReadReport]:
    """Read and check an interactions file into memory.

    Args:
        path: as for `scan_interactions`, which also says what is raised.

    Returns:
        The frame, without exact repetitions of an earlier row, and the report of what was left out.
    """
    file = scan_interactions(path)
    frame = collect(path, file.rows)
    kept = frame.unique(maintain_order=True, keep="first")
    report = ReadReport(rows=kept.height, blank_rows=file.blank_rows, duplicate_rows=frame.height - kept.height)
    return kept, report


def scan_interactions(path: Path, *, columns: Mapping[str, str] | None = None) -> InteractionsFile:
    """Check a CSV or Parquet file with the columns `user_id`, `item_id` and `timestamp`, reading it row by row.

    Args:
        path: the file; other columns are ignored. Times are numbers, in seconds.
        columns: our name of a column -> its name in the file, where that differs.

    Returns:
        The interactions, to be read when they are needed.

    Raises:
        InteractionsError: the file, a column or a row cannot be used; the sentence names it and says what to do.
    """
    table = scan_columns(path, COLUMNS, named=columns).with_row_index(_ROW, offset=1)
    rows = table.filter(~pl.all_horizontal(pl.col(COLUMNS).is_null()))
    users, items = as_text(path, rows, "user_id"), as_text(path, rows, "item_id")
    text = _time_text(path, rows.collect_schema()["timestamp"])
    seconds, whole = text.cast(pl.Float64, strict=False), text.cast(pl.Int64, strict=False)
    no_time = seconds.is_null() | ~seconds.is_finite()
    facts = collect(
        path,
        rows.select(
            rows=pl.len(),
            user_id=_no_id(users).sum(),
            item_id=_no_id(items).sum(),
            timestamp=no_time.sum(),
            whole=(whole.is_not_null() & (whole.cast(pl.Float64) == seconds)).all(),
            single_user=users.min() == users.max(),
            single_item=items.min() == items.max(),
        ),
    ).row(0, named=True)
    if not facts["rows"]:
        raise InteractionsError(f"{path} has a header but no interactions. Add one row per interaction.")
    fill = "Fill them in or remove the rows."
    _refuse(path, rows, "user_id", _no_id(users), facts, "has no usable id", fill)
    _refuse(path, rows, "item_id", _no_id(items), facts, "has no usable id", fill)
    advice = "Times are numbers, in seconds (Unix time for example): convert them or remove the rows."
    _refuse(path, rows, "timestamp", no_time, facts, "is not a number of seconds", advice)
    # Large integers stay exact only if they never pass through a float.
    checked = rows.select(users, items, whole if facts["whole"] else seconds)
    for column, noun in (("user_id", "user"), ("item_id", "item")):
        if facts[f"single_{noun}"]:
            only = collect(path, checked.select(column).head(1)).item()
            raise InteractionsError(
                f"{path} has a single {noun}, {only!r}, in column {column}. "
                f"Training compares {noun}s: give interactions with at least two."
            )
    count = collect(path, table.select(pl.len())).item()
    return InteractionsFile(rows=checked, blank_rows=count - facts["rows"])


def _no_id(text: pl.Expr) -> pl.Expr:
    return text.is_null() | text.str.to_lowercase().is_in(_NO_ID)


def _time_text(path: Path, dtype: pl.DataType) -> pl.Expr:
    if dtype.is_temporal():
        raise InteractionsError(
            f"{path}: column timestamp holds {dtype}. "
            "Convert it to seconds first, in polars with pl.col('timestamp').dt.epoch('s')."
        )
    if not (dtype.is_numeric() or dtype == pl.String):
        raise InteractionsError(f"{path}: column timestamp holds {dtype}. Write seconds as numbers.")
    values = pl.col("timestamp")
    return values.str.strip_chars() if dtype == pl.String else values


def _refuse(
    path: Path, rows: pl.LazyFrame, column: str, bad: pl.Expr, facts: dict[str, Any], problem: str, advice: str
) -> None:
    count = facts[column]
    if not count:
        return
    wrong = collect(path, rows.filter(bad).select(_ROW, column).head(_SHOWN))
    shown = [f"row {row}: {_quote(value)}" for row, value in wrong.rows()]
    more = f" and {count - _SHOWN:,} more" if count > _SHOWN else ""
    raise InteractionsError(
        f"{path}: column {column} {problem} in {count:,} of {facts['rows']:,} rows "
        f"({', '.join(shown)}{more}; row 1 follows the header). {advice}"
    )


def _quote(value: object) -> str:
    if value is None:
        return "empty"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
