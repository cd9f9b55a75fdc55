"""stdin, stdout and stderr that are closed, full, or whose reader has left."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ofa_export.cli.render.console import print_err

CLOSED_PIPE = 141
"""Exit code that shells show for SIGPIPE."""

UNUSABLE = 2
"""Exit code of an output that cannot be written."""


def open_streams() -> None:
    """Open what a caller has closed (`>&-`) on /dev/null: a caller who does so wants no text, and gets none.

    Otherwise the next file that is opened has the number of stdout, and what a library prints ends in it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest number that is free is the one that is missing.
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole process
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole process


@contextmanager
def ends_with_stdout() -> Iterator[None]:
    """Write what is left of stdout when the block ends, by whatever exception, and end the process if that fails.

    The interpreter would do it later, and could tell nobody but with a traceback. A reader who has left (`| head -1`)
    is no mistake: the process ends without a word, as if the signal SIGPIPE had ended it.
    """
    stdout = sys.stdout
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        abandon_stdout()
        raise SystemExit(CLOSED_PIPE) from None
    except OSError as error:
        if error.filename is not None:
            raise
        abandon_stdout()
        print_err(f"Error: The output cannot be used: {error.strerror}. Choose another place.")
        raise SystemExit(UNUSABLE) from None
    except SystemExit:
        # Typer ends with code 1 when a reader leaves in the middle of a help text, and puts its own stdout in place.
        if sys.stdout is not stdout:
            raise SystemExit(CLOSED_PIPE) from None
        raise


def abandon_stdout() -> None:
    """Let nothing more go to stdout: the interpreter flushes once more at its end, which would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
