"""The console: every line that a command prints goes through here, so that no foreign text can do anything to it.

Two walls, one behind the other. `print_out` and `print_err` take lines and make each harmless, so that nothing out of a
file starts a line of its own. `guard_streams` replaces the process's stdout and stderr by streams that let no control
character pass, whoever writes: warnings, logs, tracebacks, other packages.
"""

from __future__ import annotations

import io
import json
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from ofa_export.foreign_text import MAX_SHOWN, shown

if TYPE_CHECKING:
    from rich.console import Console

MAX_LINE = 8 * MAX_SHOWN
"""Characters of a line of output: the cells of a table are bounded on their own."""

TRACEBACK_LINES = 60
"""The first third of a traceback and its last two thirds; what is between them is said to be left out."""


class GuardedStream(io.TextIOWrapper):
    """A text stream that writes control and invisible characters as escapes, line feeds and tabs excepted.

    Args:
        stream: the one that it stands before, and whose bytes it writes; anything that cannot be encoded is escaped.
    """

    def __init__(self, stream: io.TextIOWrapper) -> None:
        super().__init__(
            stream.buffer,
            encoding=stream.encoding,
            errors="backslashreplace",
            line_buffering=stream.line_buffering,
            write_through=True,
        )
        self.unguarded = stream

    def write(self, text: str) -> int:
        """Write a text."""
        if text.isascii() and text.isprintable():
            return super().write(text)
        super().write("".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text))
        return len(text)


def guard_streams() -> None:
    """Let no control character out of this process any more but those of its own progress bars and colours."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and not isinstance(stream, GuardedStream):
            setattr(sys, name, GuardedStream(stream))


def print_out(*lines: str) -> None:
    """Print lines of a result on stdout.

    Args:
        lines: each stays one line, whatever it quotes.
    """
    for line in lines:
        print(shown(line, at_most=MAX_LINE))


def print_err(*lines: str) -> None:
    """Print lines on stderr, as `print_out` does; where it cannot be written, the exit code alone says the rest."""
    with suppress(OSError):
        for line in lines:
            print(shown(line, at_most=MAX_LINE), file=sys.stderr, flush=True)


def print_json(result: Any) -> None:
    """Print the machine-readable result on stdout, in ASCII: JSON has an escape for every other character."""
    print(json.dumps(result, indent=2, allow_nan=False))


def print_traceback() -> None:
    """Print the traceback of the exception that is being handled on stderr, indented but for its first line."""
    first, *lines = traceback.format_exc().splitlines()
    if len(lines) > TRACEBACK_LINES:
        start = TRACEBACK_LINES // 3
        lines[start : start - TRACEBACK_LINES] = ["  …"]
    print_err(first, *(f"  {shown(line)}" for line in lines))


def rich_console(*, stderr: bool, width: int | None = None) -> Console:
    """Return a console for tables, colours and progress, to which every text is a text, and never markup.

    Args:
        stderr: where it writes.
        width: columns; None for those of the terminal.
    """
    from rich.console import Console

    stream: TextIO = sys.stderr if stderr else sys.stdout
    file = stream.unguarded if isinstance(stream, GuardedStream) else stream
    return Console(file=file, width=width, markup=False, emoji=False, highlight=False)
