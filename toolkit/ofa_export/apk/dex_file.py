"""Dex files, as far as it takes to know which classes, fields and methods they have and which they refer to."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

TABLES = 56
"""Where size and offset of each table stand: texts, types, prototypes, fields, methods, classes."""

FIELDS_AND_METHODS = 4


class Reference(NamedTuple):
    """A field or method.

    Args:
        owner: the class that it is looked for in, with slashes; an array starts with a bracket.
        name: its name.
        descriptor: its types.
    """

    owner: str
    name: str
    descriptor: str

    def __str__(self) -> str:
        separator = "." if self.descriptor.startswith("(") else ": "
        return f"{self.owner.replace('/', '.')}.{self.name}{self.descriptor if separator == '.' else ''}"


@dataclass(frozen=True, kw_only=True)
class DexClass:
    """A class that a dex file has.

    Args:
        name: with slashes.
        above: its superclass and interfaces.
        members: name and descriptor of its own fields and methods.
    """

    name: str
    above: tuple[str, ...]
    members: frozenset[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class DexFile:
    """A dex file.

    Args:
        classes: those it has.
        types: names of the classes that it refers to, arrays by what is in them.
        references: the fields and methods that it refers to, its own among them.
    """

    classes: tuple[DexClass, ...]
    types: frozenset[str]
    references: tuple[Reference, ...]


def parse_dex(content: bytes) -> DexFile:
    """Parse a dex file that R8 wrote."""
    return _Parser(content).parse()


class _Parser:
    def __init__(self, content: bytes) -> None:
        self._content = content
        tables = [struct.unpack_from("<II", content, TABLES + 8 * index) for index in range(6)]
        texts, types, self._prototypes, fields, methods, self._classes = tables
        self._texts = [self._text(offset) for (offset,) in self._rows(texts, "<I")]
        self._types = [self._texts[index] for (index,) in self._rows(types, "<I")]
        prototypes = [self._prototype(row) for row in self._rows(self._prototypes, "<III")]
        self._fields = [
            Reference(_class(self._types[owner]), self._texts[name], self._types[kind])
            for owner, kind, name in self._rows(fields, "<HHI")
        ]
        self._methods = [
            Reference(_class(self._types[owner]), self._texts[name], prototypes[prototype])
            for owner, prototype, name in self._rows(methods, "<HHI")
        ]

    def parse(self) -> DexFile:
        named = {_class(text.lstrip("[")) for text in self._types if text.lstrip("[").startswith("L")}
        return DexFile(
            classes=tuple(self._class_of(row) for row in self._rows(self._classes, "<8I")),
            types=frozenset(named),
            references=(*self._fields, *self._methods),
        )

    def _rows(self, table: tuple[int, int], layout: str) -> Iterator[tuple[int, ...]]:
        count, offset = table
        size = struct.calcsize(layout)
        return struct.iter_unpack(layout, self._content[offset : offset + count * size])

    def _text(self, offset: int) -> str:
        _, start = _uleb(self._content, offset)
        return self._content[start : self._content.index(b"\0", start)].decode("utf-8", "replace")

    def _prototype(self, row: tuple[int, ...]) -> str:
        _, returned, parameters = row
        return f"({''.join(self._type_list(parameters))}){self._types[returned]}"

    def _type_list(self, offset: int) -> list[str]:
        if not offset:
            return []
        (count,) = struct.unpack_from("<I", self._content, offset)
        return [self._types[index] for index in struct.unpack_from(f"<{count}H", self._content, offset + 4)]

    def _class_of(self, row: tuple[int, ...]) -> DexClass:
        this, _, superclass, interfaces, _, _, data, _ = row
        above = [] if superclass == 0xFFFFFFFF else [self._types[superclass]]
        names = tuple(_class(name) for name in (*above, *self._type_list(interfaces)))
        return DexClass(name=_class(self._types[this]), above=names, members=frozenset(self._members(data)))

    def _members(self, position: int) -> Iterator[tuple[str, str]]:
        if not position:
            return
        counts = []
        for _ in range(FIELDS_AND_METHODS):
            count, position = _uleb(self._content, position)
            counts.append(count)
        for kind, count in enumerate(counts):
            table, numbers = (self._fields, 2) if kind < 2 else (self._methods, 3)
            index = 0
            for _ in range(count):
                # Each index is told as the distance from the one before it.
                step, position = _uleb(self._content, position)
                index += step
                for _ in range(numbers - 1):
                    _, position = _uleb(self._content, position)
                yield table[index].name, table[index].descriptor


def _class(descriptor: str) -> str:
    return descriptor[1:-1] if descriptor.startswith("L") else descriptor


def _uleb(content: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
