"""Named columns of a CSV or Parquet file, or an error that says what is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from polars.exceptions import PanicException, PolarsError

from ofa_export.errors import InteractionsError
from ofa_export.support.input import check_regular

# Names that common data sets give to our columns, lower case and without separators.
_ALIASES = {
    "user_id": ("userid", "user", "uid", "customerid", "customer", "visitorid", "reviewerid", "sessionid"),
    "item_id": ("itemid", "item", "iid", "movieid", "productid", "product", "articleid", "stockcode", "sku", "asin"),
    "timestamp": ("timestamp", "time", "ts", "unixtime", "unixreviewtime", "datetime", "date", "invoicedate"),
    "title": ("title", "name", "itemname", "description", "itemtitle"),
}


def scan_columns(path: Path, columns: Sequence[str], *, named: Mapping[str, str] | None = None) -> pl.LazyFrame:
    """Return the named columns, to be read when they are needed; all others are ignored.

    Args:
        path: a `.csv` file (UTF-8, commas, a header line) or a `.parquet` file.
        columns: the names wanted.
        named: name wanted -> name in the file, where that differs.

    Returns:
        The columns under the names wanted, in the order asked for, rows in file order. CSV values are text, not yet
        interpreted.

    Raises:
        InteractionsError: no such file, a folder, another file type, an unreadable header, or a column that is missing.
    """
    theirs = [(named or {}).get(column, column) for column in columns]
    suffix = path.suffix.lower()
    if path.is_dir():
        raise InteractionsError(f"{path} is a folder. Name one CSV or Parquet file.")
    if not path.exists():
        raise InteractionsError(f"There is no file {path}. Check the path.")
    if suffix not in (".csv", ".parquet"):
        raise InteractionsError(f"{path} ends in '{suffix}'. Give a file that ends in .csv or .parquet.")
    with _sentences(path):
        check_regular(path)
        found = _csv_header(path) if suffix == ".csv" else list(pl.read_parquet_schema(path))
        _require(path, theirs, found)
        if suffix == ".csv":
            table = pl.scan_csv(path, infer_schema=False, glob=False)
        else:
            table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        return table.select(pl.col(theirs[index]).alias(column) for index, column in enumerate(columns))


def collect(path: Path, query: pl.LazyFrame) -> pl.DataFrame:
    """Return the result of a query on a file, of which no more is in memory at a time than the query needs.

    Args:
        path: the file, for the message.
        query: made from `scan_columns`.

    Raises:
        InteractionsError: the content cannot be read.
    """
    with _sentences(path):
        return query.collect(engine="streaming")


def read_columns(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Return what `scan_columns` promises, in memory; raises the same."""
    return collect(path, scan_columns(path, columns))


def as_text(path: Path, rows: pl.LazyFrame, column: str) -> pl.Expr:
    """Ids and titles as text, spelt alike whichever kind of file they came from.

    Args:
        path: the file, for the message.
        rows: of the file.
        column: one of theirs.

    Returns:
        Text without surrounding blanks; whole numbers without a decimal point.

    Raises:
        InteractionsError: the column holds neither text nor numbers.
    """
    dtype, values = rows.collect_schema()[column], pl.col(column)
    if not (dtype.is_numeric() or dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null)):
        raise InteractionsError(f"{path}: column {column} holds {dtype}. Write text or whole numbers.")
    if dtype.is_float():
        # Data frames turn whole numbers into floats on the way, and "17.0" would match no "17".
        whole = values.cast(pl.Int64, strict=False)
        unchanged = values.is_null() | (whole.is_not_null() & (whole == values))
        if collect(path, rows.select(unchanged.all())).item():
            values = whole
    return values.cast(pl.String).str.strip_chars()


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Return what goes wrong with a file inside the block, as a sentence that names it."""
    try:
        yield
    except OSError as error:
        raise InteractionsError(f"{path} cannot be read: {error.strerror or error}.") from error
    # A damaged Parquet file can end in a Rust panic, which is no PolarsError.
    except (PolarsError, PanicException) as error:
        raise InteractionsError(_unreadable(path, str(error))) from error


def _csv_header(path: Path) -> list[str]:
    with path.open("rb") as file:
        line = file.readline()
    if not line:
        raise InteractionsError(f"{path} is empty. It needs a header line and one line per interaction.")
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InteractionsError(_unreadable(path, "invalid utf-8 sequence")) from error
    return pl.read_csv(path, n_rows=0, infer_schema=False, glob=False).columns


def _require(path: Path, columns: Sequence[str], found: Sequence[str]) -> None:
    twice = [name for name in columns if f"{name}_duplicated_0" in found]
    if twice:
        raise InteractionsError(f"{path} has more than one column {', '.join(twice)}. Keep one of each.")
    missing = [name for name in columns if name not in found]
    if not missing:
        return
    spare = [name for name in found if name not in columns]
    renames = [f"rename '{near}' to '{name}'" for name in missing if (near := _nearest(name, spare))]
    separator = next((mark for mark in ";\t|" if len(found) == 1 and mark in found[0]), None)
    if separator:
        advice = f"The values look separated by {separator!r}: save the file with commas."
    elif renames:
        advice = f"If these are the same columns, {', '.join(renames)}."
    else:
        advice = f"The first line must name the columns {', '.join(columns)}."
    raise InteractionsError(
        f"{path} has no column {', '.join(missing)}; it has {', '.join(map(repr, found)) or 'none'}. {advice}"
    )


def _nearest(name: str, found: Sequence[str]) -> str | None:
    plain = {column.lower().replace("_", "").replace("-", "").replace(" ", ""): column for column in found}
    known = next((alias for alias in _ALIASES.get(name, ()) if alias in plain), None)
    near = [known] if known else difflib.get_close_matches(name.replace("_", ""), plain, n=1, cutoff=0.75)
    return plain[near[0]] if near else None


def _unreadable(path: Path, detail: str) -> str:
    if "utf-8" in detail:
        return f"{path} is not UTF-8 text. Save it again with the encoding UTF-8."
    if "empty CSV" in detail:
        return f"{path} is empty. It needs a header line and one line per interaction."
    kind, advice = (
        ("CSV", "Check for lines with more values than the header and for an opening quote that is never closed.")
        if path.suffix.lower() == ".csv"
        else ("Parquet", "The file is damaged or of another type: write or copy it again.")
    )
    return f"{path} cannot be read as {kind}: {detail.splitlines()[0].rstrip('.')}. {advice}"
