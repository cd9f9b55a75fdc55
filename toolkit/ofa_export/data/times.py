"""Times as people write them: numbers of any unit, ISO dates with and without a zone, and the types of Parquet.

Only their order matters later, so numbers keep their unit; texts become microseconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import polars as pl

DAY = 86_400

# Units that a number since 1970 shows by its size, for the years 1973 to 2286 -> how many make a second.
UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_FIRST, _LAST = 10**8, 10**10

_ISO = re.compile(r"\s*\d{4}[-/]\d\d[-/]\d\d")
_ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")
_NAIVE = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")


@dataclass(frozen=True, kw_only=True)
class Times:
    """A column of times as numbers in order.

    Args:
        whole: Int64 where the value is a time without a fraction, null elsewhere; dates are microseconds.
        seconds: Float64 where the value is a number; None for a column of dates.
        zoned: true where a text names its zone; None where the column holds no dates in texts.
    """

    whole: pl.Expr
    seconds: pl.Expr | None = None
    zoned: pl.Expr | None = None


def times_of(column: str, dtype: pl.DataType, first: object) -> Times | None:
    """Return how a column is read as times, or None where no time can be in its type.

    Args:
        column: its name.
        dtype: its type in the file.
        first: its first value, which says whether texts are dates or numbers.
    """
    values = pl.col(column)
    if dtype in (pl.Date, pl.Datetime, pl.Duration):
        return Times(whole=values.to_physical().cast(pl.Int64))
    if dtype == pl.String and _ISO.match(str(first)):
        written = (
            values.str.strip_chars()
            .str.replace(r"^(\d{4})/(\d\d)/(\d\d)", "$1-$2-$3")
            .str.replace(r"^(\d{4}-\d\d-\d\d) +", "${1}T")
            .str.replace(r" ?(UTC|GMT|z)$", "Z")
        )
        zoned = pl.coalesce(_micros(written, form) for form in _ZONED)
        naive = pl.coalesce(_micros(written, form) for form in _NAIVE)
        return Times(whole=pl.coalesce(zoned, naive), zoned=zoned.is_not_null())
    if not (dtype.is_numeric() or dtype == pl.String):
        return None
    values = values.str.strip_chars() if dtype == pl.String else values
    number = values.cast(pl.Float64, strict=False)
    # RecBole and data frames write whole seconds as 978304156.0.
    from_float = pl.when((number == number.round()) & (number.abs() < 2**53)).then(number.cast(pl.Int64, strict=False))
    exact = values.cast(pl.Int64, strict=False)
    return Times(whole=pl.coalesce(pl.when(exact.cast(pl.Float64) == number).then(exact), from_float), seconds=number)


def _micros(text: pl.Expr, form: str) -> pl.Expr:
    return text.str.to_datetime(form, time_unit="us", strict=False).cast(pl.Int64)


def unit_facts(times: pl.Expr) -> dict[str, pl.Expr]:
    """Return, for each unit, the expression that counts the times which look like it.

    Args:
        times: numbers.
    """
    return {unit: times.is_between(_FIRST * scale, _LAST * scale, closed="left").sum() for unit, scale in UNITS.items()}


def looks_like(times: pl.Expr, unit: str) -> pl.Expr:
    """Return where times look like those of a unit.

    Args:
        times: numbers.
        unit: one of `unit_facts`.
    """
    return times.is_between(_FIRST * UNITS[unit], _LAST * UNITS[unit], closed="left")


def day_first(times: pl.Expr) -> pl.Expr:
    """Return where a number is a date like 31122026 or 12312026, which is not in the order of time.

    Args:
        times: Int64.
    """
    first, second, year = times // 10**6, times // 10**4 % 100, times % 10**4
    parts = first.is_between(1, 31) & second.is_between(1, 31) & ((first <= 12) | (second <= 12))
    return times.is_between(10**6, 10**8) & parts & year.is_between(1950, 2100)


def day_facts(times: pl.Expr) -> dict[str, pl.Expr]:
    """Return expressions that `coarse` needs: smallest and largest time, and of the time of day.

    Args:
        times: Int64.
    """
    facts = {"first": times.min(), "last": times.max()}
    for unit, scale in UNITS.items():
        of_day = times % (DAY * scale)
        facts |= {f"{unit}_from": of_day.min(), f"{unit}_to": of_day.max()}
    month, day = times // 100 % 100, times % 100
    calendar = times.is_between(19_000_101, 21_001_231) & month.is_between(1, 12) & day.is_between(1, 31)
    return facts | {"calendar": calendar.all()}


def coarse(facts: dict[str, Any], *, dtype: pl.DataType, dates: bool) -> str:
    """Say why many times are equal, "" where they are not rounded.

    Args:
        facts: values of `day_facts`.
        dtype: of the column in the file.
        dates: whether the times are dates, in microseconds or as Parquet has them.
    """
    first, last = facts["first"], facts["last"]
    if first == last:
        return "All times are equal"
    if dtype == pl.Float32:
        step = 2.0 ** max(0, int(abs(last)).bit_length() - 24)
        return f"Times are 32-bit floats, which round these to multiples of {step:,.0f}" if step > 1 else ""
    if dtype == pl.Date or facts["calendar"]:
        return "Times are whole days"
    # Texts become microseconds.
    written = {"ms": "milliseconds", "ns": "nanoseconds"}.get(getattr(dtype, "time_unit", "us"), "microseconds")
    units = [written] if dates else [unit for unit, scale in UNITS.items() if _in(first, scale) and _in(last, scale)]
    if any(facts[f"{unit}_from"] == facts[f"{unit}_to"] for unit in units):
        return "Times are whole days"
    return ""


def _in(time: int, scale: int) -> bool:
    return _FIRST * scale <= time < _LAST * scale
