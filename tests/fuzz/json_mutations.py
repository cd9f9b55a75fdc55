"""Ways to change a JSON document: its values, its shape, its text."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from files import to_json

INTEGERS = (
    *(-1, 0, 1, 2, 3, 7, 8, 9, 16, 24, 63, 64, 65, 127, 128, 255, 256, 4095, 4096, 4097),
    *(2**15, 2**16 - 1, 2**16, 2**16 + 1, 2**20, 2**24, 2**24 + 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32),
    *(2**40 - 1, 2**40, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30),
)
FLOATS = (-0.0, 0.5, 1e-310, 1e308, 3.5e38, -1.5)
TEXTS = (
    "",
    " ",
    "a",
    "0",
    "1.0",
    "2.0",
    "3.0",
    "2.9999",
    "0.1234",
    "é",
    "\ud800",
    "\x00",
    "\x1b[2J",
    "../x",
    "x" * 2001,
    "a\nb",
)
OTHERS = (None, True, False, [], {}, [[]], {"a": 1})

Path = tuple[Any, ...]


def change_values(rng: random.Random, fields: Any) -> bytes:
    """One to three values replaced, added, removed, repeated or exchanged; the text as our writers write it."""
    changed = copy.deepcopy(fields)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _change_one(rng, changed)
    return to_json(changed)


def change_text(rng: random.Random, text: bytes) -> bytes:
    """The text of the same, or nearly the same, document as our writers would not write it."""
    fields = json.loads(text)
    at = rng.randrange(len(text) + 1)
    return rng.choice(
        (
            lambda: json.dumps(fields, separators=(",", ":")).encode(),
            lambda: json.dumps(fields, sort_keys=True, indent=1).encode(),
            lambda: text + rng.choice((b" ", b"\n", b"\0", b"{}")),
            lambda: rng.choice((b" ", b"\xef\xbb\xbf", b"[", b"\xff\xfe")) + text,
            lambda: text[:-1] + b',"' + rng.choice(list(fields)).encode() + b'":0}',
            lambda: text.replace(b"{", b'{"schema_version":"2.0",', 1),
            lambda: (
                text[:at]
                + rng.choice((b" ", b"NaN", b"\\u0000", b"\\ud800", b"\xc3", b"1e999", b'"', b"}"))
                + text[at:]
            ),
            lambda: text[:at],
            lambda: b"[" * 100_000,
            lambda: b'{"a":' * 20_000 + text,
            lambda: text.replace(b'"2.0"', b'"2.%s"' % (b"0" * rng.choice((2, 4, 5))), 1),
            lambda: text.replace(b"1", b"1" * rng.choice((2, 5000)), 1),
            lambda: text.replace(b'"2.0"', rng.choice((b'"3.0"', b'"1.0"', b'"2"', b"2.0", b'"2.1"', b'"02.0"')), 1),
            lambda: text.replace(b"a", b"\\u0061", 1),
            lambda: text + b" " * 2**21,
        )
    )()


def _change_one(rng: random.Random, fields: Any) -> None:
    *above, last = rng.choice(list(_paths(fields)))
    holder = _at(fields, above)
    value = holder[last]
    match rng.randrange(9):
        case 0 if isinstance(holder, list):
            holder.insert(last, copy.deepcopy(value))
        case 0 | 1:
            del holder[last]
        case 2 if isinstance(holder, dict):
            holder[rng.choice(("extra", "", "\x1b", "schema_version", *holder))] = rng.choice((*OTHERS, *INTEGERS))
        case 2 | 3:
            *others, other = rng.choice(list(_paths(fields)))
            try:
                holder[last] = copy.deepcopy(_at(fields, others)[other])
            except (KeyError, IndexError, TypeError):
                holder[last] = None
        case _:
            holder[last] = _other(rng, value)


def _other(rng: random.Random, value: Any) -> Any:
    if rng.random() < 0.15:
        return rng.choice((*OTHERS, *INTEGERS, *FLOATS, *TEXTS))
    match value:
        case bool():
            return not value
        case int():
            return rng.choice((value - 1, value + 1, 2 * value, -value, float(value), *INTEGERS))
        case float():
            return rng.choice((value / 2, -value, int(value), *FLOATS))
        case str():
            swapped = value.swapcase() if value else "x"
            return rng.choice((swapped, value[:-1], value + "0", value[::-1], value * 2, *TEXTS))
        case list():
            return rng.choice((value[::-1], value[:-1], value * 2, value + value[:1], value * 300, [], None))
        case dict():
            return rng.choice(({}, {**value, "extra": 1}, dict(list(value.items())[1:]), [value], None))
    return rng.choice((*INTEGERS, *TEXTS))


def _at(fields: Any, path: list[Any]) -> Any:
    for step in path:
        fields = fields[step]
    return fields


def _paths(fields: Any, above: Path = ()) -> Iterator[Path]:
    steps = fields.items() if isinstance(fields, dict) else enumerate(fields) if isinstance(fields, list) else ()
    for step, value in steps:
        yield (*above, step)
        yield from _paths(value, (*above, step))
