"""A changed file as a list of byte edits on the sound one: what the corpus holds, and any language can apply.

An edit takes `remove` bytes away at `at`, an offset in the sound file, and puts the bytes `insert` (hexadecimal) there
`times` times. Edits ascend and do not touch.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from files import segments

GAP = 6
"""Equal bytes between two differences that are not worth another edit."""
COMPARED = 4000
LONGEST_REPEATED = 8

Edit = dict[str, Any]


def apply_edits(data: bytes, edits: Sequence[Edit]) -> bytes:
    """The changed file."""
    for edit in reversed(edits):
        inserted = bytes.fromhex(edit["insert"]) * edit.get("times", 1)
        data = data[: edit["at"]] + inserted + data[edit["at"] + edit["remove"] :]
    return data


def edits_between(before: bytes, after: bytes, before_entries: list, after_entries: list | None) -> list[Edit]:
    """Edits that make one file of another.

    Args:
        before: the sound file.
        after: the changed one.
        before_entries: names and contents of the sound one.
        after_entries: those of the changed one where it is an archive, so that equal parts find each other.
    """
    parts, others = segments(before_entries), segments(after_entries) if after_entries else []
    if len(parts) != len(others) or others[-1][2] != len(after):
        parts, others = [("", 0, len(before))], [("", 0, len(after))]
    edits: list[Edit] = []
    for (_, start, stop), (_, other_start, other_stop) in zip(parts, others, strict=True):
        edits += _between(before[start:stop], after[other_start:other_stop], start)
    assert apply_edits(before, edits) == after
    return edits


def _between(before: bytes, after: bytes, offset: int) -> Iterator[Edit]:
    if len(before) == len(after):
        yield from _runs(before, after, offset)
        return
    prefix = _common(before, after)
    suffix = _common(before[prefix:][::-1], after[prefix:][::-1])
    a, b = before[prefix : len(before) - suffix], after[prefix : len(after) - suffix]
    if max(len(a), len(b)) > COMPARED or not a or not b:
        yield _edit(offset + prefix, len(a), b)
        return
    for tag, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag != "equal":
            yield _edit(offset + prefix + i, j - i, b[k:m])


def _runs(before: bytes, after: bytes, offset: int) -> Iterator[Edit]:
    differing = [at for at in range(len(before)) if before[at] != after[at]]
    while differing:
        start = stop = differing[0]
        while differing and differing[0] - stop <= GAP:
            stop = differing.pop(0)
        yield _edit(offset + start, stop + 1 - start, after[start : stop + 1])


def _edit(at: int, remove: int, insert: bytes) -> Edit:
    for size in range(1, LONGEST_REPEATED + 1):
        times = len(insert) // size
        if times > 8 and insert == insert[:size] * times:
            return {"at": at, "remove": remove, "insert": insert[:size].hex(), "times": times}
    return {"at": at, "remove": remove, "insert": insert.hex()}


def _common(a: bytes, b: bytes) -> int:
    return next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
