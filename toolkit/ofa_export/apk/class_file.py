"""Java class files, as far as it takes to know what a class is, names, inherits and has."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

MAGIC = b"\xca\xfe\xba\xbe"
JAVA_8 = 52

TEXT, CLASS = 1, 7
SIZES = {3: 5, 4: 5, 5: 9, 6: 9, 7: 3, 8: 3, 9: 5, 10: 5, 11: 5, 12: 5, 15: 4, 16: 3, 17: 5, 18: 5, 19: 3, 20: 3}
"""Kind of constant -> its bytes; a text has its own length."""

IN_DESCRIPTOR = re.compile(r"L([\w/$-]+);")

MEMBER = struct.Struct(">HHH")


@dataclass(frozen=True, kw_only=True)
class ClassFile:
    """A class.

    Args:
        access: its flags.
        name: with slashes, as in class files: java/lang/String.
        above: its superclass, unless it is Object, then its interfaces.
        has_superclass: whether the first of them is one.
        named: every class that it names, in code, descriptors and elsewhere.
        members: name and descriptor of its own fields and methods.
    """

    access: int
    name: str
    above: tuple[str, ...]
    has_superclass: bool
    named: frozenset[str]
    members: frozenset[tuple[str, str]]

    def header(self) -> bytes:
        """Reduce the class to a class file without fields, methods and code: what it is and what it inherits from."""
        constants, numbers = b"", []
        for number, name in enumerate((self.name, *self.above)):
            text = name.encode()
            constants += struct.pack(">BH", TEXT, len(text)) + text + struct.pack(">BH", CLASS, 2 * number + 1)
            numbers.append(2 * number + 2)
        if not self.has_superclass:
            numbers.insert(1, 0)
        start = MAGIC + struct.pack(">HHH", 0, JAVA_8, 1 + 2 * (1 + len(self.above))) + constants
        interfaces = numbers[2:]
        end = struct.pack(
            f">HHHH{len(interfaces)}HHHH", self.access, *numbers[:2], len(interfaces), *interfaces, 0, 0, 0
        )
        return start + end


def parse_class(content: bytes) -> ClassFile:
    """Parse a class file; it comes from a compiler or a package with a digest, and is trusted."""
    texts, classes, position = _constants(content)
    access, this, superclass, interfaces = struct.unpack_from(">HHHH", content, position)
    position += 8
    above = struct.unpack_from(f">{interfaces}H", content, position)
    if superclass:
        above = (superclass, *above)
    fields, position = _members(content, position + 2 * interfaces, texts)
    methods, _ = _members(content, position, texts)
    return ClassFile(
        access=access,
        name=texts[classes[this]],
        above=tuple(texts[classes[index]] for index in above),
        has_superclass=bool(superclass),
        named=frozenset(_named(texts, classes)),
        members=frozenset(fields + methods),
    )


def _constants(content: bytes) -> tuple[dict[int, str], dict[int, int], int]:
    """Texts by number, the number of each class's name, and where the constants end."""
    (count,) = struct.unpack_from(">H", content, 8)
    texts, classes, position, number = {}, {}, 10, 1
    while number < count:
        kind = content[position]
        if kind == TEXT:
            (length,) = struct.unpack_from(">H", content, position + 1)
            texts[number] = content[position + 3 : position + 3 + length].decode("utf-8", "replace")
            position += 3 + length
        else:
            if kind == CLASS:
                (classes[number],) = struct.unpack_from(">H", content, position + 1)
            position += SIZES[kind]
        # Numbers of 64 bits take two places.
        number += 2 if kind in (5, 6) else 1
    return texts, classes, position


def _named(texts: dict[int, str], classes: dict[int, int]) -> set[str]:
    names = {texts[number] for number in classes.values() if not texts[number].startswith("[")}
    for text in texts.values():
        if ";" in text:
            names.update(IN_DESCRIPTOR.findall(text))
    return names


def _members(content: bytes, position: int, texts: dict[int, str]) -> tuple[list[tuple[str, str]], int]:
    """Fields, or methods: name and descriptor of each, and where they end."""
    (count,) = struct.unpack_from(">H", content, position)
    position, members = position + 2, []
    for _ in range(count):
        _, name, descriptor = MEMBER.unpack_from(content, position)
        members.append((texts[name], texts[descriptor]))
        (attributes,) = struct.unpack_from(">H", content, position + 6)
        position += 8
        for _ in range(attributes):
            (length,) = struct.unpack_from(">I", content, position + 2)
            position += 6 + length
    return members, position
