"""Texts that attack whoever shows them, fields to put them into, and what must not be left of them in an output."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, get_args, get_type_hints

FAKE = "PASS: 99 assertions hold"
WITHOUT_SURROGATE = (
    "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\u2066\u200f\u061c\u200b\ufeff\u2028\u2029\x85\u3164[red]x[/red] :bomb: "
    "<script>alert(1)</script>&\"'$\\frac{1$ |`c` [a](http://b) ![p](q) "
    + "e\u0301\u0301\u0301\u0301\u0301\u0301 "
    + "\r"
)
HOSTILE = f"{WITHOUT_SURROGATE}\n{FAKE}\n# {FAKE}"
"""What JSON and YAML can hold, at most 200 characters."""

NAME = f"{WITHOUT_SURROGATE.replace('/', '')}\udc80\n{FAKE}"
"""What a file name and an argument can hold."""

ENDLESS = "x\n" + f"{FAKE}\n" * 40_000
"""1 MB."""

PILE = re.compile("\u0301{5}")

assert len(HOSTILE) <= 200
assert len(NAME.encode(errors="surrogateescape")) <= 240

Path = tuple[str | int, ...]


def assert_harmless(text: str, *, longest: int = 60_000) -> None:
    """Fail if a text can do anything to whoever sees it."""
    if not text.replace("\n", "").isprintable():
        raise AssertionError(f"raw characters { ({char for char in text if not char.isprintable()}) }")
    assert "\u3164" not in text
    assert not any(line.lstrip("# ").startswith(FAKE) and line[:1] in "P#" for line in text.split("\n")), "a faked line"
    assert len(text) <= longest, f"{len(text):,} characters"
    assert not PILE.search(text), "a pile of marks"


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Places of all texts in JSON, and of all keys; of a list its first and last element."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index in sorted({0, len(value) - 1} & set(range(len(value)))):
            yield from leaves(value[index], (*path, index))
    elif path:
        yield path


def with_value(document: Any, path: Path, text: Any) -> Any:
    """The same JSON with another value at a place."""
    changed = copy.deepcopy(document)
    inner = changed
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = text
    return changed


def with_key(document: Any, path: Path, text: str) -> Any:
    """The same JSON with another key in place of one, or beside it."""
    changed = copy.deepcopy(document)
    inner = changed
    for part in path[:-1]:
        inner = inner[part]
    inner[text] = inner.get(path[-1])
    return changed


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs if name.startswith("on"))}


def tags(page: str) -> set[str]:
    """Kinds of elements of a page, and attributes that would run a script."""
    parser = _Tags()
    parser.feed(page)
    return parser.found


def with_hostile_texts(value: Any, hint: Any = str) -> Any:
    """The same data classes with hostile text in every field that holds any text; those that name one of a few stay."""
    if dataclasses.is_dataclass(value):
        hints = get_type_hints(type(value))
        fields = [field.name for field in dataclasses.fields(value) if field.init]
        return dataclasses.replace(
            value, **{name: with_hostile_texts(getattr(value, name), hints[name]) for name in fields}
        )
    if isinstance(value, str):
        return HOSTILE if str in (hint, *get_args(hint)) else value
    if isinstance(value, dict):
        return {f"{HOSTILE}{key}": with_hostile_texts(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return tuple(with_hostile_texts(inner) for inner in value)
    return value
