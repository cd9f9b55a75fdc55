"""`items.bin`: keys and titles of the items in row order.

| offset | type | content |
| --- | --- | --- |
| 0 | 4 bytes | `OFAI` |
| 4 | uint32 | layout version, 1 |
| 8 | uint32 | number of items V, at least 1 |
| 12 | uint32 | bytes of the text, at most 1,024 per item |
| 16 | zlib stream | the text, UTF-8: V keys, then V titles, each line but the last ended by one newline (0x0A) |

Keys are unique and not empty; titles may be empty; neither holds a newline.
"""

from __future__ import annotations

import difflib
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ofa_export.errors import LONGEST_NAME, BundleError, ConfigError, HistoryError, RejectionCode

ENTRY = "items.bin"
MAX_ITEM_BYTES = 1024
ITEMS_AT_ONCE = 2**14
MAX_QUOTED = 40
"""Characters of a key in a sentence."""

SHOWN = 3
"""Items that a sentence names."""

_HEADER = struct.Struct("<4sIII")
_MAGIC = b"OFAI"
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class KnownHistory:
    """A shopper's history as far as the bundle knows it.

    Args:
        rows: item rows, oldest first, `[n]`, at least one.
        unknown: keys that the bundle does not have, in the order they were met.
    """

    rows: tuple[int, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ItemCatalogue:
    """Keys and titles of the items, row by row.

    Args:
        keys: what the app looks up, `[V]`, unique.
        titles: what the app shows, `[V]`.

    Raises:
        ConfigError: they cannot be written to a bundle.
    """

    keys: tuple[str, ...]
    titles: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.keys or len(self.keys) != len(self.titles):
            raise ConfigError(f"Every item needs a key and a title: got {len(self.keys)} and {len(self.titles)}.")
        for row, (key, title) in enumerate(zip(self.keys, self.titles, strict=True)):
            _item_bytes(row, key, title)
        if len(set(self.keys)) != len(self.keys):
            twice = next(key for row, key in enumerate(self.keys) if self._rows[key] != row)
            raise ConfigError(f"The item key '{twice}' appears twice; keys must be unique.")

    def __len__(self) -> int:
        return len(self.keys)

    def row_of(self, key: str) -> int | None:
        """Return row of an item, or None when the bundle does not have it."""
        return self._rows.get(key)

    def history(self, keys: Sequence[str]) -> KnownHistory:
        """Return rows of a shopper's history; unknown items are left out and listed.

        Args:
            keys: item keys, oldest first.

        Raises:
            HistoryError: no key is given, or none is known.
        """
        unknown = tuple(key for key in keys if key not in self._rows)
        if not keys:
            raise HistoryError(f"The history is empty; give at least one item key, for example '{self.keys[0]}'.")
        if len(unknown) == len(keys):
            near = difflib.get_close_matches(unknown[-1][:LONGEST_NAME], self.keys, n=1, cutoff=0)
            hint = f" The key nearest to '{unknown[-1]}' is '{near[0]}'." if near else ""
            raise HistoryError(
                f"None of the {len(keys)} items of the history is in this bundle of {len(self):,} items "
                f"(first: '{unknown[0]}').{hint} Its keys look like '{self.keys[0]}'."
            )
        return KnownHistory(rows=tuple(self._rows[key] for key in keys if key in self._rows), unknown=unknown)

    def to_bytes(self) -> bytes:
        """Return the content of `items.bin`."""
        return items_entry(self.keys, self.titles)

    @classmethod
    def from_bytes(cls, data: memoryview | bytes, *, items: int) -> ItemCatalogue:
        """Read `items.bin`.

        Args:
            data: the entry.
            items: V, as the manifest says.

        Raises:
            BundleError: anything that `to_bytes` would not have written for V items.
        """
        lines = _inflate(data[_HEADER.size :], check_header(data, items=items)).split("\n")
        if len(lines) != 2 * items:
            reason = f"its text has {len(lines):,} lines; {items:,} keys and as many titles are needed."
            raise _rejected(reason, RejectionCode.ITEMS_TEXT)
        try:
            return cls(keys=tuple(lines[:items]), titles=tuple(lines[items:]))
        except ConfigError as error:
            raise _rejected(str(error), RejectionCode.ITEMS_KEYS) from error

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {key: row for row, key in enumerate(self.keys)}


def items_entry(keys: Sequence[str], titles: Sequence[str]) -> bytes:
    """Return the content of `items.bin`; of many items no more than some are held as Python's texts.

    Args:
        keys: `[V]`, unique.
        titles: `[V]`.

    Raises:
        ConfigError: an item cannot be written to a bundle.
    """
    parts: list[bytes] = []
    total, stream = -1, zlib.compressobj(9)
    for row, (key, title) in enumerate(zip(keys, titles, strict=True)):
        total += _item_bytes(row, key, title)
    for texts in (keys, titles):
        for start in range(0, len(texts), ITEMS_AT_ONCE):
            if parts:
                parts.append(stream.compress(b"\n"))
            parts.append(stream.compress("\n".join(texts[start : start + ITEMS_AT_ONCE]).encode()))
    return _HEADER.pack(_MAGIC, _VERSION, len(keys), total) + b"".join([*parts, stream.flush()])


def check_items(keys: Iterable[str], titles: Iterable[str]) -> None:
    """Refuse items that no bundle can hold, before a model is trained that can never be shipped.

    Args:
        keys: `[V]`.
        titles: `[V]`.

    Raises:
        ConfigError: some cannot be written to a bundle; the sentence counts them and shows the first.
    """
    problems = []
    for row, (key, title) in enumerate(zip(keys, titles, strict=True)):
        try:
            _item_bytes(row, key, title)
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        count = "1 item" if len(problems) == 1 else f"{len(problems):,} items"
        shown = " ".join(problems[:SHOWN]) + (f" And {len(problems) - SHOWN:,} more." if len(problems) > SHOWN else "")
        raise ConfigError(f"No bundle can hold {count} of these data. {shown} Correct the ids of items, or the titles.")


def check_header(data: memoryview | bytes, *, items: int) -> int:
    """Check what can be checked without the text, which takes a second to read for a million items.

    Args:
        data: the content of `items.bin`.
        items: V that it must hold.

    Returns:
        Bytes of the text, as the header says.

    Raises:
        BundleError: it is of another layout, of another number of items, or claims more text than they may have.
    """
    if len(data) < _HEADER.size:
        raise _rejected(f"it has {len(data)} bytes, fewer than its header.", RejectionCode.ITEMS_HEADER)
    magic, version, count, raw_length = _HEADER.unpack_from(data)
    if (magic, version) != (_MAGIC, _VERSION):
        reason = f"it starts with {magic!r}, version {version}; needed is {_MAGIC!r}, version {_VERSION}."
        raise _rejected(reason, RejectionCode.ITEMS_HEADER)
    if count != items:
        raise _rejected(f"it holds {count:,} items, the manifest says {items:,}.", RejectionCode.ITEMS_HEADER)
    if raw_length > count * MAX_ITEM_BYTES:
        reason = f"its text of {raw_length:,} bytes is over the limit of {MAX_ITEM_BYTES:,} for each item."
        raise _rejected(reason, RejectionCode.ITEMS_HEADER)
    return int(raw_length)


def _item_bytes(row: int, key: str, title: str) -> int:
    """Return bytes that an item takes in the text; a ConfigError where it cannot be written."""
    shown = f"{key[:MAX_QUOTED]!r} (row {row})"
    if not key:
        raise ConfigError(f"The item of row {row} has an empty key.")
    if "\n" in key or "\n" in title:
        raise ConfigError(f"The key or title of item {shown} holds a newline; replace it by a blank.")
    try:
        size = len(key.encode()) + len(title.encode()) + 2
    except UnicodeEncodeError as error:
        raise ConfigError(f"The key or title of item {shown} is not valid text: {error.reason}.") from error
    if size > MAX_ITEM_BYTES:
        raise ConfigError(f"Key and title of item {shown} take {size:,} bytes; the limit is {MAX_ITEM_BYTES:,}.")
    return size


def _inflate(stream: memoryview | bytes, raw_length: int) -> str:
    inflater = zlib.decompressobj()
    try:
        # One byte more than promised is enough to see that the stream goes on.
        text = inflater.decompress(stream, raw_length + 1)
        if len(text) != raw_length or not inflater.eof or inflater.unused_data:
            reason = f"its text does not end after the {raw_length:,} bytes that its header says."
            raise _rejected(reason, RejectionCode.ITEMS_TEXT)
        return text.decode()
    except zlib.error as error:
        raise _rejected(f"its text cannot be decompressed ({error}).", RejectionCode.ITEMS_TEXT) from error
    except UnicodeDecodeError as error:
        reason = f"its text is not UTF-8 ({error.reason} at byte {error.start})."
        raise _rejected(reason, RejectionCode.ITEMS_TEXT) from error


def _rejected(reason: str, code: RejectionCode) -> BundleError:
    return BundleError(reason, code=code, entry=ENTRY)
