"""Choice of a file's columns for user, item, time and title: as asked for, by name, or by a published layout."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from ofa_export.errors import InteractionsError
from ofa_export.foreign_text import shown

OPTIONS = {
    "user_id": "--user-column",
    "item_id": "--item-column",
    "timestamp": "--time-column",
    "title": "--title-column",
}
"""Our name of a column -> the option of a command that names it."""

NOUNS = {"user_id": "user", "item_id": "item", "timestamp": "time", "title": "title"}
"""Our name of a column -> what it holds."""

SHOWN_NAMES = 20
_SHOWN_CHARACTERS = 60

# Names that published data sets give to our columns, in lower case and without separators.
_ALIASES = {
    "user_id": (
        *("userid", "user", "uid", "customerid", "customer", "clientid", "memberid", "accountid", "reviewerid"),
        *("visitorid", "sessionid"),
    ),
    "item_id": (
        *("itemid", "item", "iid", "movieid", "productid", "product", "articleid", "stockcode", "sku", "skuid"),
        *("asin", "parentasin", "isbn", "bookid", "songid", "trackid", "artistid", "gameid", "videoid", "newsid"),
        *("recipeid", "businessid", "venueid", "goodsid", "contentid"),
    ),
    "timestamp": (
        *("timestamp", "time", "ts", "unixtime", "unixreviewtime", "datetime", "date", "invoicedate", "eventtime"),
        *("tdat", "createdat"),
    ),
    "title": ("title", "name", "itemname", "description", "itemtitle", "movietitle", "productname", "prodname"),
}
_TYPED = re.compile(r"(?P<name>.*):(token|token_seq|float|float_seq)")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_ISO = re.compile(r"\d{4}[-/]\d\d[-/]\d\d([ T]\d\d:\d\d.*)?")
_WHOLE = re.compile(r"\d+")
_UNIX = re.compile(r"(\d{9,10}|\d{12,13})(\.\d*)?")
_ASIN = re.compile(r"B[0-9A-Z]{9}|\d{9}[0-9X]")
_REVIEWER = re.compile(r"A[0-9A-Z]{4,}|#oc-\w+")
_RATING = re.compile(r"(10|\d)(\.\d*)?")


def has_header(cells: Sequence[str], named: Mapping[str, str]) -> bool:
    """Say whether the first line of a text names the columns.

    Args:
        cells: its values.
        named: our name of a column -> what the user calls it: a name, or a number where there is no header.
    """
    known = {alias for aliases in _ALIASES.values() for alias in aliases}
    asked = {name for name in named.values() if not name.isdecimal()}
    if any(untyped(cell) in asked or cell in asked or _plain(untyped(cell)) in known for cell in cells):
        return True
    # What data frames write whose columns have no names.
    if len(cells) > 1 and list(cells) == [str(number) for number in range(len(cells))]:
        return True
    if any(_NUMBER.fullmatch(cell.strip()) or _ISO.fullmatch(cell.strip()) for cell in cells):
        return False
    return not any(name in numbers(len(cells)) for name in named.values())


def numbers(count: int) -> tuple[str, ...]:
    """Return the names of columns that have none: "1", "2" and so on."""
    return tuple(str(number) for number in range(1, count + 1))


def untyped(name: str) -> str:
    """Return the name of a column without the type that RecBole's atomic files write after it."""
    typed = _TYPED.fullmatch(name)
    return typed["name"] if typed else name


def is_typed(names: Sequence[str]) -> bool:
    """Say whether the names are those of an atomic file of RecBole."""
    return bool(names) and all(_TYPED.fullmatch(name) for name in names)


def published_layout(samples: Sequence[Sequence[str]], wanted: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Recognise a file without a header line that is published in this form.

    Args:
        samples: values of the first lines.
        wanted: our names of the columns that are needed.

    Returns:
        Name of the layout and our name -> number of the column; "" and nothing where none is recognised.
    """
    columns = [[cell.strip() for cell in column] for column in zip(*samples, strict=False)]

    def all_like(column: int, *patterns: re.Pattern[str]) -> bool:
        return column < len(columns) and all(any(p.fullmatch(cell) for p in patterns) for cell in columns[column])

    if "title" in wanted:
        return _published_titles(columns, all_like)
    if len(columns) == 4 and all_like(2, _RATING) and all_like(3, _UNIX):
        user, item = ("2", "1") if all_like(0, _ASIN) and all_like(1, _REVIEWER) else ("1", "2")
        name = "Amazon's ratings" if all_like(int(user) - 1, _REVIEWER) else "MovieLens ratings"
        return name, {"user_id": user, "item_id": item, "timestamp": "4"}
    if len(columns) in (4, 5) and all_like(0, _NUMBER) and all_like(1, _ISO) and all_like(2, _WHOLE):
        return "YooChoose sessions", {"user_id": "1", "item_id": "3", "timestamp": "2"}
    return "", {}


def _published_titles(columns: list[list[str]], all_like: Callable[..., bool]) -> tuple[str, dict[str, str]]:
    if len(columns) in (3, 24) and all_like(0, _NUMBER) and not all_like(1, _NUMBER):
        return "MovieLens titles", {"item_id": "1", "title": "2"}
    return "", {}


def choose_columns(
    path: Path,
    found: Sequence[str],
    wanted: Sequence[str],
    *,
    named: Mapping[str, str],
    layout: Mapping[str, str],
    elsewhere: Collection[str] = (),
) -> dict[str, str]:
    """Decide which columns of a file are meant.

    Args:
        path: the file, for the message.
        found: names of its columns, or their numbers.
        wanted: our names.
        named: our name -> the name in the file, as the user says; others are recognised.
        layout: our name -> number of the column, from `published_layout`.
        elsewhere: our names whose columns may have been named for another file; they count where there is such a one.

    Returns:
        Our name -> name in the file.

    Raises:
        InteractionsError: a column is missing, there twice, ambiguous, or asked for as two things.
    """
    by_name = {untyped(name): name for name in reversed(found)} | {name: name for name in found}
    chosen, missing = dict[str, str](), list[str]()
    for role in wanted:
        if role in named and not (role in elsewhere and (role in layout or named[role] not in by_name)):
            candidates = [by_name[named[role]]] if named[role] in by_name else []
        elif role in by_name:
            candidates = [by_name[role]]
        else:
            candidates = [layout[role]] if role in layout else _recognised(role, found)
        if len(candidates) > 1:
            raise InteractionsError(
                f"{path}: the {NOUNS[role]} may be in column {' or '.join(map(quoted, candidates[:SHOWN_NAMES]))}. "
                f"Say which with {OPTIONS[role]} (in a recipe: data.columns.{role})."
            )
        if not candidates:
            missing.append(role)
            continue
        chosen[role] = candidates[0]
    if missing:
        raise InteractionsError(_missing(path, found, missing, named, chosen))
    for role, name in chosen.items():
        if f"{name}_duplicated_0" in found:
            raise InteractionsError(f"{path} has more than one column {quoted(name)}. Keep one of each.")
        other = next((one for one in chosen if one != role and chosen[one] == name), None)
        if other is not None:
            raise InteractionsError(
                f"{path}: column {quoted(name)} cannot be both {NOUNS.get(role, role)} and {NOUNS.get(other, other)}. "
                f"Name them with {_options([role, other])}."
            )
    return chosen


def quoted(value: object) -> str:
    """Return a name or value from a file in quotes, harmless and short."""
    return "empty" if value is None else f"'{shown(str(value), at_most=_SHOWN_CHARACTERS)}'"


def _recognised(role: str, found: Sequence[str]) -> list[str]:
    plain = dict[str, list[str]]()
    for name in found:
        if not name.endswith("_duplicated_0"):
            plain.setdefault(_plain(untyped(name)), []).append(name)
    if (same := _plain(role)) in plain:
        return plain[same]
    return [name for alias in _ALIASES.get(role, ()) for name in plain.get(alias, ())]


def _missing(
    path: Path, found: Sequence[str], missing: list[str], named: Mapping[str, str], chosen: Mapping[str, str]
) -> str:
    names = ", ".join(map(quoted, found[:SHOWN_NAMES])) or "none"
    more = f" and {len(found) - SHOWN_NAMES:,} more" if len(found) > SHOWN_NAMES else ""
    lost = ", ".join(quoted(named[role]) if role in named else role for role in missing)
    if not all(role in OPTIONS for role in missing):
        return f"{path} has no column {lost}; it has {names}{more}. The first line must name the columns {lost}."
    spare = [name for name in found if name not in chosen.values()]
    hints = [
        f"{OPTIONS[role]} {quoted(near)}" for role in missing if (near := _nearest(role, named.get(role, role), spare))
    ]
    example = f", perhaps {' '.join(hints)}" if hints else ""
    return (
        f"{path} has no column {lost}; it has {names}{more}. Say which column it is with {_options(missing)}{example} "
        "(in a recipe: data.columns)."
    )


def without_header(path: Path, first_line: str, count: int, wanted: Sequence[str]) -> str:
    """Return the sentence about a file without a header line whose layout is not known.

    Args:
        path: the file.
        first_line: of the file.
        count: its columns.
        wanted: our names of the columns that are needed.
    """
    example = " ".join(f"{OPTIONS[role]} {number}" for number, role in enumerate(wanted, start=1) if role in OPTIONS)
    return (
        f"{path} has no header line, and its {count:,} columns are not those of a layout that is known; it begins with "
        f"{quoted(first_line)}. Add a header line, or say which columns to take by number, for example {example}."
    )


def _options(roles: Sequence[str]) -> str:
    return " and ".join(OPTIONS[role] for role in roles if role in OPTIONS)


def _plain(name: str) -> str:
    return re.sub(r"[\s_.-]", "", name.strip().lower())


def _nearest(role: str, asked: str, found: Sequence[str]) -> str | None:
    plain = {_plain(untyped(name)): name for name in found}
    near = difflib.get_close_matches(_plain(asked), plain, n=1, cutoff=0.75)
    return plain[near[0]] if near else next(iter(_recognised(role, found)), None)
