"""Interactions files: who took what, and when; checked row by row before anything is trained on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ofa_export.data.columns import quoted
from ofa_export.data.tables import Table, as_text, collect, open_table
from ofa_export.data.times import UNITS, Times, coarse, day_facts, day_first, looks_like, times_of, unit_facts
from ofa_export.errors import InteractionsError

COLUMNS = ("user_id", "item_id", "timestamp")

_ROW = "row"
_SHOWN = 5
# What spreadsheets and data frames write where an id is missing.
_NO_ID = ("", "nan", "null", "none", "inf", "-inf")
_WAYS = "Times are numbers (Unix time for example) or dates like 2026-11-30 or 2026-11-30T21:10:00Z"


@dataclass(frozen=True, kw_only=True)
class InteractionsFile:
    """Checked interactions, still in their file.

    Args:
        rows: `user_id` and `item_id` text, `timestamp` Int64, or Float64 where seconds have fractions; in file order.
        blank_rows: rows left out because all three columns were empty.
        reading: a sentence about how the file was read.
        coarse_times: why many times are equal, "" where they are not rounded.
        odd_times: a sentence about times that are not like the others, "" where there are none.
    """

    rows: pl.LazyFrame
    blank_rows: int
    reading: str
    coarse_times: str
    odd_times: str


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
    """Check a file of interactions, reading it row by row.

    Args:
        path: the file, of any kind that `open_table` reads; other columns are ignored. Times are numbers, dates, or
            what Parquet has for them.
        columns: our name of a column -> its name in the file, or its number where there is no header; others are
            recognised.

    Returns:
        The interactions, to be read when they are needed.

    Raises:
        InteractionsError: the file, a column or a row cannot be used; the sentence names it and says what to do.
    """
    table = open_table(path, COLUMNS, named=columns)
    numbered = table.rows.with_row_index(_ROW, offset=1)
    rows = numbered.filter(~pl.all_horizontal(pl.col(COLUMNS).is_null()))
    users, items = as_text(path, rows, "user_id"), as_text(path, rows, "item_id")
    dtype = rows.collect_schema()["timestamp"]
    sample = collect(path, rows.select(pl.col("timestamp").drop_nulls().head(1)))["timestamp"].to_list()
    times = times_of("timestamp", dtype, *(sample or [None]))
    if times is None:
        raise InteractionsError(f"{path}: column {table.name('timestamp')} holds {dtype}. {_WAYS}.")
    facts = collect(
        path,
        rows.select(
            rows=pl.len(),
            user_id=_no_id(users).sum(),
            item_id=_no_id(items).sum(),
            single_user=users.min() == users.max(),
            single_item=items.min() == items.max(),
            **_time_facts(times),
        ),
    ).row(0, named=True)
    if not facts["rows"]:
        raise InteractionsError(f"{path} has a header but no interactions. Add one row per interaction.")
    count, fill = facts["rows"], "Fill them in or remove the rows."
    for column, ids in (("user_id", users), ("item_id", items)):
        _refuse(table, rows, column, _no_id(ids), (facts[column], count), "has no usable id", fill)
    advice = f"{_WAYS}, all written in the same way: convert them or remove the rows."
    _refuse(table, rows, "timestamp", _no_time(times), (facts["timestamp"], count), "is no time", advice)
    _refuse_mixed_times(table, rows, times, facts)
    # Large integers stay exact only if they never pass through a float.
    moments = times.whole if facts["whole"] or times.seconds is None else times.seconds
    checked = rows.select(users, items, moments.alias("timestamp"))
    for column, noun in (("user_id", "user"), ("item_id", "item")):
        if facts[f"single_{noun}"]:
            only = collect(path, checked.select(column).head(1)).item()
            raise InteractionsError(
                f"{path} has a single {noun}, {quoted(only)}, in column {column}. "
                f"Training compares {noun}s: give interactions with at least two."
            )
    return InteractionsFile(
        rows=checked,
        blank_rows=collect(path, numbered.select(pl.len())).item() - count,
        reading=table.sentence(),
        coarse_times=coarse(facts, dtype=dtype, dates=times.seconds is None) if facts["whole"] else "",
        odd_times=_odd_times(table, facts),
    )


def _no_id(text: pl.Expr) -> pl.Expr:
    return text.is_null() | text.str.to_lowercase().is_in(_NO_ID)


def _no_time(times: Times) -> pl.Expr:
    if times.seconds is None:
        return times.whole.is_null()
    return times.whole.is_null() & (times.seconds.is_null() | ~times.seconds.is_finite())


def _time_facts(times: Times) -> dict[str, pl.Expr]:
    facts = {"timestamp": _no_time(times).sum(), "whole": times.whole.is_not_null().all(), **day_facts(times.whole)}
    if times.seconds is not None:
        facts |= unit_facts(times.seconds) | {"day_first": day_first(times.whole).all()}
    if times.zoned is not None:
        facts["zoned"] = times.zoned.sum()
    return facts


def _refuse_mixed_times(table: Table, rows: pl.LazyFrame, times: Times, facts: dict[str, Any]) -> None:
    """Refuse times of one column that cannot be compared with each other."""
    count = facts["rows"]
    if times.zoned is not None and facts["zoned"]:
        problem, advice = "has no time zone, which others have,", "Add it (Z for UTC), or leave it out everywhere."
        _refuse(table, rows, "timestamp", ~times.zoned, (count - facts["zoned"], count), problem, advice)
    if times.seconds is None:
        return
    if facts["whole"] and facts["day_first"] and not facts["calendar"]:
        advice = "Write them as 2026-11-30 or 20261130."
        problem = "looks like day and month before the year, which sorts wrongly,"
        _refuse(table, rows, "timestamp", times.whole.is_not_null(), (count, count), problem, advice)
    units = sorted((unit for unit in unit_facts(times.seconds) if facts[unit]), key=lambda unit: facts[unit])
    if len(units) > 1:
        rare, common = units[0], units[-1]
        problem, advice = f"looks like {rare}, and others like {common},", f"Write all of them in {common}."
        _refuse(table, rows, "timestamp", looks_like(times.seconds, rare), (facts[rare], count), problem, advice)


def _odd_times(table: Table, facts: dict[str, Any]) -> str:
    """Say how many times cannot be of the unit that others show, such as zeros or days like 20261130 among seconds."""
    unit = next((unit for unit in UNITS if facts.get(unit)), None)
    if unit is None or facts[unit] == facts["rows"]:
        return ""
    return (
        f"Times in column {table.name('timestamp')} that are not {unit} from 1973 to 2286, as the others are: "
        f"{facts['rows'] - facts[unit]:,} of {facts['rows']:,}. They are sorted by their size; check them."
    )


def _refuse(
    table: Table, rows: pl.LazyFrame, column: str, bad: pl.Expr, counts: tuple[int, int], problem: str, advice: str
) -> None:
    """Refuse the file if a row is bad; `counts` are how many are, of how many."""
    count, of = counts
    if not count:
        return
    wrong = collect(table.path, rows.filter(bad).select(_ROW, column).head(_SHOWN))
    shown = [f"row {row}: {quoted(value)}" for row, value in wrong.rows()]
    more = f" and {count - _SHOWN:,} more" if count > _SHOWN else ""
    raise InteractionsError(
        f"{table.path}: column {table.name(column)} {problem} in {count:,} of {of:,} rows "
        f"({', '.join(shown)}{more}; {table.place()}). {advice}"
    )
