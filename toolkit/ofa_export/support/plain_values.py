"""Plain values out of YAML and JSON that anybody may have written: what a parser lets through or dies of is refused.

Both formats allow a key twice (the last one counts), numbers that are not finite, and nesting and repetition that take
a parser's stack or memory. Here each is an error that says where it is.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import yaml

MAX_DEPTH = 50
"""Lists and mappings in each other."""

MAX_VALUES = 10_000
"""Of a YAML text, with what stands for others (`*name`) written out; a recipe has a hundred."""

MAX_NUMBER = 100
"""Characters of a number."""

NUMBERS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}

MERGE = "tag:yaml.org,2002:merge"
"""What YAML calls the key `<<`."""

QUOTED = 40
"""Characters of the text that an error shows."""


class TextError(ValueError):
    """A text that is not read; the message says why and where, without a full stop."""


def read_yaml(data: bytes) -> Any:
    """Read YAML.

    Args:
        data: the text, UTF-8.

    Returns:
        Dictionaries, lists, texts, numbers, dates and None.

    Raises:
        TextError: it is not YAML, or holds what a recipe has no use for.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TextError(f"line {line} is not UTF-8; save the file with that encoding") from error
    try:
        _check_extent(text)
        return yaml.load(text, _StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark or error.context_mark, error.problem or error.context or "it is not YAML"
        raise TextError(problem if mark is None else f"{_line(mark)}: {problem}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise TextError(f"line {line}: the character {error.character:#x} is not allowed in YAML") from error
    except yaml.YAMLError as error:
        raise TextError(str(error)) from error
    except (ValueError, OverflowError) as error:
        # PyYAML turns escapes and versions into characters and numbers without asking whether there are such.
        raise TextError(f"it has an escape or a version that stands for nothing ({error})") from error


def read_json(data: bytes) -> Any:
    """Read JSON.

    Args:
        data: the text, UTF-8.

    Returns:
        Dictionaries, lists, texts, numbers and None.

    Raises:
        TextError: it is not JSON, has a key twice or a number that is not finite, or is nested too deeply.
    """
    try:
        # Given bytes, Python would take UTF-16 and UTF-32 as well, which others that read the same text do not.
        return json.loads(
            data.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
        )
    except TextError:
        raise
    except json.JSONDecodeError as error:
        raise TextError(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise TextError("its lists and objects are nested too deeply") from error
    except UnicodeDecodeError as error:
        raise TextError(f"byte {error.start:,} is not UTF-8") from error
    except ValueError as error:
        # Python reads no integer of more than 4,300 digits.
        raise TextError("it has a number of thousands of digits") from error


@dataclass
class _Extent:
    """Values and depth of a part of a text.

    Args:
        values: how many, itself included.
        depth: lists and mappings in each other.
        anchor: its name, if it has one.
    """

    values: int = 1
    depth: int = 1
    anchor: str | None = None

    def take(self, other: _Extent) -> None:
        self.values += other.values
        self.depth = max(self.depth, 1 + other.depth)


def _check_extent(text: str) -> None:
    """Refuse a text that the loader would need its whole stack or memory for, without building anything."""
    open_parts, anchors = [_Extent()], dict[str, _Extent]()
    for event in yaml.parse(text, yaml.SafeLoader):
        part: _Extent | None = None
        if isinstance(event, yaml.CollectionStartEvent):
            open_parts.append(_Extent(anchor=event.anchor))
        elif isinstance(event, yaml.CollectionEndEvent):
            part = open_parts.pop()
        elif isinstance(event, yaml.ScalarEvent):
            part = _Extent(depth=0, anchor=event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in anchors:
                part = anchors[event.anchor]
            elif any(each.anchor == event.anchor for each in open_parts):
                raise TextError(f"{_line(event.start_mark)}: *{event.anchor} stands for a part that it is in itself")
        if part is not None:
            if part.anchor is not None:
                anchors[part.anchor] = part
            open_parts[-1].take(part)
        if len(open_parts) > MAX_DEPTH or open_parts[-1].depth > MAX_DEPTH:
            raise TextError(f"{_line(event.start_mark)}: more than {MAX_DEPTH} lists and mappings are in each other")
        if sum(each.values for each in open_parts) > MAX_VALUES:
            raise TextError(f"{_line(event.start_mark)}: up to here it has more than {MAX_VALUES:,} values")


class _StrictLoader(yaml.SafeLoader):
    """YAML as far as a recipe needs it, each key once and every number finite."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                name = (key.tag, key.value)
                if key.tag == MERGE and isinstance(value, yaml.SequenceNode):
                    problem = "'<<' takes keys from several mappings, of which one would silently win: write them out"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                if name in lines:
                    problem = f"{_quoted(key.value)} is there already, in line {lines[name]}; keep one of them"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                lines[name] = key.start_mark.line + 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            return super().construct_object(node, deep)
        problem: str | None = None
        if node.tag in NUMBERS and len(node.value) > MAX_NUMBER:
            problem = f"a number of {len(node.value):,} characters; {MAX_NUMBER} are read"
        else:
            try:
                value = super().construct_object(node, deep)
            except (ValueError, OverflowError) as error:
                problem = f"{_quoted(node.value)} is no value that can be read ({error})"
            except (LookupError, AttributeError):
                # What PyYAML raises where a tag such as `!!bool` stands before something else.
                problem = f"{_quoted(node.value)} is no {node.tag.rpartition(':')[2]}"
            else:
                if isinstance(value, float) and not math.isfinite(value):
                    problem = f"{_quoted(node.value)} is not finite"
                elif isinstance(value, str) and not _is_text(value):
                    problem = f"{_quoted(node.value)} has characters that no text has"
                else:
                    return value
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _is_text(text: str) -> bool:
    """Tell whether a text can be written to a file, and used as the name of one."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen = set[str]()
        for name, _ in pairs:
            if name in seen:
                raise TextError(f"it has {_quoted(name)} twice in one object")
            seen.add(name)
    return found


def _refuse_constant(name: str) -> None:
    raise TextError(f"{name} is not finite, and no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise TextError(f"{_quoted(text)} is not finite")
    return value


def _quoted(text: str) -> str:
    return repr(text if len(text) <= QUOTED else f"{text[:QUOTED]}…")


def _line(mark: Any) -> str:
    return f"line {mark.line + 1}"
