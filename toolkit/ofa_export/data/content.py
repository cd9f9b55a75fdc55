"""Kind of table that a file holds, by its first bytes; its name does not count."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ofa_export.errors import InteractionsError

HEAD = 2**20
"""Bytes at the start of a file that are looked at; a line is not much longer than this."""

MAX_COLUMNS = 10_000
"""Columns of a table; what has more is no list of interactions."""

_FOOTER = 2**25
"""Bytes of the description at the end of a Parquet file; a hundred for each column of each part of the rows."""

_SHOWN_LINES = 200
_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_SEPARATORS = ("\t", ";", "|", ",")

# First bytes of what people give by mistake -> what it is, and the way out.
_FOREIGN = (
    (_GZIP, "gzip inside gzip", "Unpack it with gunzip until it is a text"),
    (b"x\x9c", "compressed by zlib", "Unpack it, or compress it with gzip"),
    (b"\xff\xfe", "UTF-16 and not UTF-8 text", "Save it as UTF-8: iconv -f utf-16 -t utf-8 OLD > NEW"),
    (b"\xfe\xff", "UTF-16 and not UTF-8 text", "Save it as UTF-8: iconv -f utf-16 -t utf-8 OLD > NEW"),
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet", "Unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet", "Save the sheet as CSV"),
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard", "Unpack it with zstd -d, or compress it with gzip"),
    (b"BZh", "compressed by bzip2", "Unpack it with bunzip2, or compress it with gzip"),
    (b"\xfd7zXZ", "compressed by xz", "Unpack it with unxz, or compress it with gzip"),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it"),
    (b"ARROW1", "an Arrow (Feather) file", "Write it as Parquet, in polars with pl.read_ipc(…).write_parquet(…)"),
    (b"SQLite format 3", "an SQLite database", "Write the table as CSV"),
    (b"%PDF", "a PDF document", "Give a table"),
    (b"<", "a page of HTML or XML", "Download the data themselves, not the page that links to them"),
    (b"[", "one JSON array", "Write one object per line, in polars with pl.read_json(…).write_ndjson(…)"),
)


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a file holds.

    Args:
        kind: text with separated values, JSON lines or Parquet.
        gzipped: whether it is compressed.
        lines: the first lines of a text, without blank ones.
        separator: between the values of a text; "::" is one too.
        keys: names in the first lines of JSON, in order of appearance.
    """

    kind: Literal["text", "json", "parquet"]
    gzipped: bool = False
    lines: tuple[str, ...] = ()
    separator: str = ","
    keys: tuple[str, ...] = ()


def look_at(path: Path) -> Content:
    """Look at the first bytes of a file.

    Args:
        path: an existing file.

    Raises:
        InteractionsError: it is empty, or of a kind that cannot be read; the sentence says which, and the way out.
    """
    head, gzipped = _head(path)
    if head.startswith(_PARQUET) and not gzipped:
        _check_footer(path)
        return Content(kind="parquet")
    if head.startswith(_PARQUET):
        raise InteractionsError(f"{path} is Parquet inside gzip. Unpack it with gunzip: Parquet is compressed already.")
    if path.suffix.lower() == ".parquet" and not gzipped:
        raise InteractionsError(f"{path} cannot be read as Parquet: it is damaged or of another type. Write it again.")
    for magic, what, advice in _FOREIGN:
        if head.lstrip().startswith(magic):
            raise InteractionsError(f"{path} is {what}. {advice}. CSV, JSON lines, Parquet are read, also with gzip.")
    lines = _lines(path, head)
    _check_lines(path, gzipped=gzipped)
    if lines[0].lstrip().startswith("{"):
        if head.startswith(b"\xef\xbb\xbf"):
            raise InteractionsError(
                f"{path} is JSON lines after a byte order mark, which JSON forbids. Leave its three bytes out: "
                f"{'zcat' if gzipped else 'cat'} {path.name} | tail -c +4 > new.jsonl."
            )
        return Content(kind="json", gzipped=gzipped, lines=lines, keys=_keys(path, lines))
    return Content(kind="text", gzipped=gzipped, lines=lines, separator=_separator(path, lines[0]))


def _head(path: Path) -> tuple[bytes, bool]:
    """Return up to `HEAD` bytes and one more, unpacked, and whether they were packed."""
    with _sentences(path), path.open("rb") as file:
        if not file.peek(2).startswith(_GZIP):
            return file.read(HEAD + 1), False
        with gzip.GzipFile(fileobj=file) as unpacked:
            return unpacked.read(HEAD + 1), True


def _check_footer(path: Path) -> None:
    """Refuse what takes minutes only to list its columns."""
    with _sentences(path), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 8))
        size = int.from_bytes(file.read(4), "little")
    if _FOOTER < size < path.stat().st_size:
        raise InteractionsError(
            f"{path} is Parquet with {size:,} bytes of description, as of very many columns. "
            "Write user, item and time alone."
        )


def _check_lines(path: Path, *, gzipped: bool) -> None:
    """Refuse a line that a reader would hold in memory as a whole, however long; a pass at the speed of the disk."""
    with _sentences(path), gzip.open(path) if gzipped else path.open("rb") as file:
        # The last piece is shorter, and what is shorter than a piece is no long line.
        while len(piece := file.read(HEAD)) == HEAD:
            if b"\n" not in piece:
                raise InteractionsError(
                    f"{path} has a line of more than {HEAD:,} bytes. "
                    "Write a line per interaction, and close each quote."
                )


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Say what is wrong with reading or unpacking."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InteractionsError(f"{path} is a damaged gzip file. Copy or compress it again.") from error
    except OSError as error:
        raise InteractionsError(f"{path} cannot be read: {error.strerror or error}. Check the path.") from error


def _lines(path: Path, head: bytes) -> tuple[str, ...]:
    """Return the first lines that are there as a whole."""
    whole = head if len(head) <= HEAD else head[: head.rfind(b"\n") + 1]
    if b"\n" not in head and b"\r" in head:
        raise InteractionsError(
            f"{path} ends its lines with a carriage return alone, as old Macs did. "
            f"Write line feeds instead: tr '\\r' '\\n' < {path.name} > new.csv."
        )
    if head and not whole:
        raise InteractionsError(
            f"{path} has a first line of more than {HEAD:,} bytes. "
            "Write a line per interaction, with a line feed after it."
        )
    try:
        text = whole.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InteractionsError(not_utf_8(path)) from error
    if "\0" in text:
        raise InteractionsError(f"{path} is no text: it holds zero bytes. Give CSV, JSON lines or Parquet.")
    lines = text.replace("\r\n", "\n").split("\n", _SHOWN_LINES)[:_SHOWN_LINES]
    if not (filled := tuple(line for line in lines if line.strip())):
        raise InteractionsError(f"{path} is empty. It needs a header line and one line per interaction.")
    return filled


def not_utf_8(path: Path) -> str:
    """Return the sentence about a file in another encoding."""
    return (
        f"{path} is not UTF-8 text. Save it again with the encoding UTF-8, "
        f"for example with iconv -f latin1 -t utf-8 {path.name} > new.csv."
    )


def _separator(path: Path, line: str) -> str:
    if "::" in line:
        found = "::"
    else:
        plain = re.sub(r'"[^"]*"', "", line)
        # The first of equals counts; a line with none of them is a single column.
        found = max(reversed(_SEPARATORS), key=plain.count)
    if line.count(found) >= MAX_COLUMNS:
        raise InteractionsError(
            f"{path} has {line.count(found) + 1:,} columns, and at most {MAX_COLUMNS:,} are read. "
            "Write a line per interaction: user, item and time."
        )
    return found


def _keys(path: Path, lines: tuple[str, ...]) -> tuple[str, ...]:
    keys = dict[str, None]()
    for number, line in enumerate(lines, start=1):
        try:
            keys |= dict.fromkeys(json.loads(line).keys())
        except (ValueError, AttributeError, RecursionError) as error:
            literal = " Names in single quotes are Python, not JSON: convert the file." if "'" in line else ""
            raise InteractionsError(
                f"{path} starts as JSON lines, but line {number} is no JSON object. "
                f"Write one object per line, complete on that line.{literal}"
            ) from error
    if len(keys) > MAX_COLUMNS:
        raise InteractionsError(
            f"{path} has more than {MAX_COLUMNS:,} names in its objects. Write user, item and time."
        )
    return tuple(keys)
