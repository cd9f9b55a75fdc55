"""Text that others wrote, as it may be shown: on one line, bounded, and unable to do anything.

Names, titles, keys and versions out of files, file names, arguments, environment variables and the words of other
programs can hold escape sequences that clear a screen, controls that turn the direction of what follows, letters that
nobody sees, and no end. Whatever shows such a text shows `shown(text)`: errors do so when they are made, the console,
HTML pages and JUnit files as they write.
"""

from __future__ import annotations

import re
from itertools import pairwise
from unicodedata import category

MAX_SHOWN = 1000
"""Characters of a text that are shown, the words that say how long it was included."""

LONGEST_ESCAPE = 10
"""Characters of `\\U0010ffff`."""

MAX_MARKS = 4
"""Combining marks on one letter: no language writes more, and a pile of them hides the lines above and below."""

JOINER, NON_JOINER = "\u200d", "\u200c"

BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""What Unicode calls letters, marks and symbols, and nobody sees."""

_LINK_OR_HTML = re.compile(r"<|\](?=\s*[(\[:])")
_MARKDOWN = re.compile(r"[\\`*\[\]<>|&]|^(?:[#+=~-]|\d+(?=[.)]))")


def shown(text: str, *, at_most: int = MAX_SHOWN) -> str:
    r"""Make a text harmless, and leave it readable.

    Letters of all scripts, accents and emoji stay. What moves a cursor, starts a line, turns the direction of writing
    or cannot be seen is written as Python writes it in a literal: `\x1b`, `\u202e`. A line feed becomes a blank, and
    so does each other kind of space. Shown twice, a text is the same as shown once.

    Args:
        text: anything.
        at_most: characters of the result; the middle of a longer text is left out, and its length is said there.
    """
    if len(text) <= at_most and text.isascii() and text.isprintable():
        return text
    # An escape is never shorter than its character: no more than this can be left of either end.
    start, end = (text, "") if len(text) <= 2 * at_most else (text[:at_most], text[-at_most:])
    start, end = _escaped(start), _escaped(end)
    if len(start) + len(end) <= at_most:
        return start + end
    whole = start + end
    note = f" … [cut: {len(text):,} characters] … "
    last = (at_most - len(note)) // 3
    start, end = whole[: at_most - len(note) - last], whole[len(whole) - last :]
    return start.rstrip(JOINER + NON_JOINER) + note + end.lstrip(JOINER + NON_JOINER)


def markdown(text: str, *, at_most: int = MAX_SHOWN) -> str:
    """Make a text harmless inside a line of Markdown as well: no HTML, link, code, table cell, heading or list of it.

    Args:
        text: anything.
        at_most: as for `shown`, before Markdown's own escapes.
    """
    return _MARKDOWN.sub(lambda found: _behind_backslash(found[0]), shown(text, at_most=at_most).strip())


def markdown_lines(text: str) -> str:
    """Make a document in Markdown harmless; it keeps its headings, lists and code, and loses HTML, links and pictures.

    Args:
        text: of several lines; addresses in it stay, as they can be read.
    """
    return "\n".join(_LINK_OR_HTML.sub(r"\\\g<0>", shown(line)) for line in text.split("\n"))


def _behind_backslash(found: str) -> str:
    # Markdown has no escape for a digit, but for the full stop after it.
    return f"{found}\\" if found.isdigit() else f"\\{found}"


def _escaped(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    parts, marks, before = [], 0, ""
    for char, after in pairwise(f"{text}\n"):
        kind = category(char)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        seen = char.isprintable() and char not in BLANK and marks <= MAX_MARKS
        blank = char == "\n" or kind == "Zs"
        kept = not blank and (seen or _joins(before, char, after))
        parts.append(" " if blank else char if kept else char.encode("unicode_escape").decode())
        before = char if kept else ""
    return "".join(parts)


def _joins(before: str, char: str, after: str) -> bool:
    """Tell whether a joiner is where a script needs it: inside an emoji, or between letters that have no case."""
    if char not in (JOINER, NON_JOINER) or not before or after in BLANK:
        return False
    sides = category(before), category(after)
    emoji = char == JOINER and sides[0] in ("So", "Sk", "Mn") and sides[1] == "So"
    return emoji or (sides[0] in ("Lo", "Mn", "Mc") and sides[1] == "Lo")
