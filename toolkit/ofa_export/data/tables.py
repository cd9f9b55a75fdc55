"""Named columns of a table that somebody has, or an error that says what is wrong with it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import polars as pl
from polars.exceptions import PanicException, PolarsError

from ofa_export.data.columns import (
    NOUNS,
    choose_columns,
    has_header,
    is_typed,
    numbers,
    published_layout,
    quoted,
    without_header,
)
from ofa_export.data.content import Content, look_at, not_utf_8
from ofa_export.errors import InteractionsError
from ofa_export.support.input import check_regular

# A value that no text has: with it as separator, a line is one column.
_NO_SEPARATOR = "\x1f"

_SEPARATED_BY = {",": "", "\t": " with tabs", ";": " with semicolons", "|": " with bars", "::": " with '::'"}


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns of a file, to be read when they are needed.

    Args:
        path: the file.
        rows: the columns under our names, in file order; values of a text are text, not yet interpreted.
        kind: what the file holds, in words.
        chosen: our name of a column -> its name in the file, or its number.
        headed: whether the file names its columns.
        joined: lines of a text that belong to the row before, inside a value in quotes.
    """

    path: Path
    rows: pl.LazyFrame
    kind: str
    chosen: Mapping[str, str]
    headed: bool
    joined: int = 0

    def sentence(self) -> str:
        """Say how the file was read."""
        columns = [f"{NOUNS[role]} from column {self.name(role)}" for role in self.chosen if role in NOUNS]
        joined = (
            f" Lines that belong to the row before them, inside a value in quotes: {self.joined:,}. Where quotes mean "
            "inches these rows are lost: write them twice, and the value in quotes."
        )
        return f"{self.path.name} is read as {self.kind}: {', '.join(columns)}.{joined if self.joined else ''}"

    def name(self, role: str) -> str:
        """Return what the file calls a column, fit for a message."""
        name = self.chosen[role]
        return name if name.isidentifier() or name.isdecimal() else quoted(name)

    def place(self) -> str:
        """Say which row is called row 1."""
        return "row 1 follows the header" if self.headed else "row 1 is the first"


def open_table(
    path: Path, columns: Sequence[str], *, named: Mapping[str, str] | None = None, elsewhere: Collection[str] = ()
) -> Table:
    """Open a table, of whatever kind its content is: separated values, JSON lines or Parquet; also inside gzip.

    Args:
        path: the file.
        columns: our names of the columns that are wanted; all others are ignored.
        named: our name -> name in the file, or number where there is no header; what is not named is recognised.
        elsewhere: our names whose columns may have been named for another file.

    Raises:
        InteractionsError: no such file, a folder, another kind, an unreadable header, or a column that is missing,
            there twice or ambiguous.
    """
    if path.is_dir():
        raise InteractionsError(f"{path} is a folder. Name one file.")
    if not path.exists():
        raise InteractionsError(f"There is no file {path}. Check the path.")
    if any("\ud800" <= char <= "\udfff" for char in str(path)):
        raise InteractionsError(f"The name of {path} is not UTF-8, and no table is read under such a name. Rename it.")
    with sentences(path):
        check_regular(path)
    content, named = look_at(path), named or {}
    with sentences(path):
        if content.kind == "text":
            return _text(path, content, columns, named, elsewhere)
        if content.kind == "json":
            found: Sequence[str] = content.keys
            chosen = choose_columns(path, found, columns, named=named, layout={}, elsewhere=elsewhere)
            _check_plain(path, content, chosen)
            table = pl.scan_ndjson(path, schema=dict.fromkeys(chosen.values(), pl.String))
            kind = "JSON lines"
        else:
            found = list(pl.read_parquet_schema(path))
            chosen = choose_columns(path, found, columns, named=named, layout={}, elsewhere=elsewhere)
            table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            kind = "Parquet"
        return _table(path, table, f"{kind}{' inside gzip' if content.gzipped else ''}", chosen, headed=True)


def _check_plain(path: Path, content: Content, chosen: Mapping[str, str]) -> None:
    """Refuse objects and lists as values of JSON lines: their text is no id."""
    for number, line in enumerate(content.lines, start=1):
        values = json.loads(line)
        for name in chosen.values():
            if isinstance(values.get(name), (dict, list)):
                raise InteractionsError(
                    f"{path}: {quoted(name)} is an object or a list in row {number}, {quoted(values[name])}. "
                    "Write the id, time or title itself, or name another column."
                )


def scan_columns(path: Path, columns: Sequence[str], *, named: Mapping[str, str] | None = None) -> pl.LazyFrame:
    """Return the rows of `open_table`, which also says what is raised."""
    return open_table(path, columns, named=named).rows


def collect(path: Path, query: pl.LazyFrame) -> pl.DataFrame:
    """Return the result of a query on a file, of which no more is in memory at a time than the query needs.

    Args:
        path: the file, for the message.
        query: made from `scan_columns`.

    Raises:
        InteractionsError: the content cannot be read.
    """
    with sentences(path):
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
        InteractionsError: the column holds neither text nor numbers, or numbers that have lost digits.
    """
    dtype, values = rows.collect_schema()[column], pl.col(column)
    if not (dtype.is_numeric() or dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null)):
        raise InteractionsError(f"{path}: column {column} holds {dtype}. Write text or whole numbers.")
    if dtype.is_decimal():
        # Databases give scales to keys; zeros that only the scale adds would keep "7.00" from matching "7".
        return values.cast(pl.String).str.replace(r"\.0*$", "").str.replace(r"(\.\d*[1-9])0+$", "$1")
    if dtype.is_float():
        # Data frames turn whole numbers into floats on the way, and "17.0" would match no "17".
        finite = values.filter(values.is_finite())
        exact = 2**24 if dtype == pl.Float32 else 2**53
        facts = rows.select(whole=(finite == finite.round()).all(), most=finite.abs().max()).select("whole", "most")
        whole, most = collect(path, facts).row(0)
        if most is not None and most > exact:
            raise InteractionsError(
                f"{path}: column {column} holds {dtype} up to {most:.0f}, and numbers above {exact:,} have lost digits "
                "there. Write these ids as text or whole numbers."
            )
        if whole:
            values = values.cast(pl.Int64, strict=False)
    return values.cast(pl.String).str.strip_chars()


def _text(
    path: Path, content: Content, columns: Sequence[str], named: Mapping[str, str], elsewhere: Collection[str]
) -> Table:
    samples = _cells(content)
    headed = has_header(samples[0], named)
    if content.separator == "::":
        names = samples[0] if headed else numbers(len(samples[0]))
        fields = pl.col("line").str.splitn("::", len(names)).struct.rename_fields(list(names))
        table = _lines(path, skip=int(headed)).select(fields).unnest("line")
    else:
        table = pl.scan_csv(
            path,
            separator=content.separator,
            has_header=headed,
            infer_schema=False,
            glob=False,
            new_columns=None if headed else numbers(len(samples[0])),
        )
        names = tuple(table.collect_schema().names())
    kind = f"CSV{_SEPARATED_BY[content.separator]}"
    layout = dict[str, str]()
    if not headed:
        published, layout = published_layout(samples, columns)
        if not published and not any(role in named for role in columns):
            raise InteractionsError(without_header(path, content.lines[0], len(names), columns))
        kind = f"{kind} without a header line"
        if all(named.get(role, layout.get(role)) == layout.get(role) for role in columns):
            kind = f"{kind}, as {published} are published"
    elif is_typed(names):
        kind = f"RecBole's atomic file{_SEPARATED_BY[content.separator]}"
    chosen = choose_columns(path, names, columns, named=named, layout=layout, elsewhere=elsewhere)
    joined = _joined(path, table, headed=headed) if content.separator != "::" else 0
    packed = " inside gzip" if content.gzipped else ""
    return _table(path, table, f"{kind}{packed}", chosen, headed=headed, joined=joined)


def _joined(path: Path, table: pl.LazyFrame, *, headed: bool) -> int:
    """Count the lines that are no rows of their own: a quote for inches takes the rows up to the next one with it.

    Lines with more values than the first are refused only where all columns are read. In "a,x,1,234,99" the price has
    taken the place of the time.
    """
    line = pl.col("line").is_not_null()
    lines = _lines(path).select((line.cum_sum() > 0).sum())
    # Blank lines before the first are no rows; later ones are.
    rows = collect(path, table.select(pl.len().alias(""), pl.all().null_count())).row(0)[0]
    return int(collect(path, lines).item() - rows) - headed


def _lines(path: Path, *, skip: int = 0) -> pl.LazyFrame:
    """Return the lines of a text as they stand, in the column `line`, but for the first ones."""
    return pl.scan_csv(
        path,
        separator=_NO_SEPARATOR,
        quote_char=None,
        has_header=False,
        infer_schema=False,
        glob=False,
        new_columns=["line"],
        skip_rows=skip,
    )


def _cells(content: Content) -> list[list[str]]:
    """Return the values of the first lines; quotes count but where '::' separates."""
    if content.separator == "::":
        return [line.split("::") for line in content.lines]
    with warnings.catch_warnings():
        # What is wrong with the lines is said when they are read in earnest.
        warnings.simplefilter("ignore")
        cells = pl.read_csv(
            StringIO("\n".join(content.lines)),
            separator=content.separator,
            has_header=False,
            infer_schema=False,
            truncate_ragged_lines=True,
            ignore_errors=True,
        )
    return [list(row) for row in cells.fill_null("").rows()] or [[content.lines[0]]]


def _table(
    path: Path, table: pl.LazyFrame, kind: str, chosen: Mapping[str, str], *, headed: bool, joined: int = 0
) -> Table:
    rows = table.select(pl.col(name).alias(role) for role, name in chosen.items())
    # What is wrong with the first rows shows here, where it becomes a sentence.
    rows.collect_schema()
    return Table(path=path, rows=rows, kind=kind, chosen=chosen, headed=headed, joined=joined)


@contextmanager
def sentences(path: Path) -> Iterator[None]:
    """Return what goes wrong with a file inside the block, as a sentence that names it."""
    try:
        yield
    except OSError as error:
        raise InteractionsError(f"{path} cannot be read: {error.strerror or error}.") from error
    # A damaged Parquet file can end in a Rust panic, which is no PolarsError.
    except (PolarsError, PanicException) as error:
        raise InteractionsError(_unreadable(path, str(error))) from error


def _unreadable(path: Path, detail: str) -> str:
    if "utf-8" in detail:
        return not_utf_8(path)
    if "empty CSV" in detail:
        return f"{path} is empty. It needs a header line and one line per interaction."
    # What follows quotes the file, at any length.
    reason = detail.splitlines()[0][:200].rstrip(".")
    kind, advice = (
        "CSV",
        "Check for lines with more values than the first and for an opening quote that is never closed.",
    )
    if path.suffix.lower() == ".parquet" or "parquet" in detail.lower():
        kind, advice = "Parquet", "The file is damaged or of another type: write or copy it again."
    elif "parsing line" in detail or "NDJSON" in detail:
        kind, advice = "JSON lines", "Each line must be one complete JSON object."
    return f"{path} cannot be read as {kind}: {reason}. {advice}"
