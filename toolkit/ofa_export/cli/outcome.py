"""How every command ends: its result on stdout, or a sentence on stderr and the right exit code."""

from __future__ import annotations

import errno
import functools
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn, ParamSpec, TypeVar

import typer

from ofa_export.errors import BudgetError, OfaExportError, OutputError

P = ParamSpec("P")
R = TypeVar("R")

JSON_OPTION = "json_output"
"""Name of the parameter that every command has for --json."""

REQUEST = "This is a defect of ofa-export. Please report it with the lines above."
INTERRUPTED, CLOSED_PIPE = 130, 141
"""What shells show for SIGINT and SIGPIPE."""


def reports_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn exceptions into a message and an exit code.

    Args:
        command: a command function with a keyword parameter `json_output`.

    Returns:
        The same command; it ends with typer.Exit.
    """

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        as_json = bool(kwargs.get(JSON_OPTION))
        try:
            result = command(*args, **kwargs)
            # Here, so that a reader who has left is noticed before the interpreter shuts down.
            sys.stdout.flush()
            return result
        except OfaExportError as error:
            _fail(error, as_json=as_json)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except KeyboardInterrupt:
            print("Stopped.", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            _abandon_stdout()
            raise typer.Exit(CLOSED_PIPE) from None
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                _abandon_stdout()
                _fail(
                    OutputError("There is no space left for the output. Free some, then run the command again."),
                    as_json=False,
                )
            traceback.print_exc()
            print(REQUEST, file=sys.stderr)
            if as_json:
                print_json({"error": _described(error, exit_code=OfaExportError.exit_code)})
            raise typer.Exit(OfaExportError.exit_code) from None

    return wrapper


def print_json(result: Any) -> None:
    """The machine-readable result, on stdout."""
    print(json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False))


def _fail(error: OfaExportError, *, as_json: bool) -> NoReturn:
    if as_json:
        described = _described(error, exit_code=error.exit_code)
        if isinstance(error, BudgetError):
            described |= {"needed_bytes": error.needed, "available_bytes": error.available}
            described |= {"shortfall_bytes": error.shortfall, "ways_out": list(error.ways_out)}
        print_json({"error": described})
    print(f"Error: {error}", file=sys.stderr)
    if error.exit_code == OfaExportError.exit_code:
        print(REQUEST, file=sys.stderr)
    raise typer.Exit(error.exit_code)


def _abandon_stdout() -> None:
    # The interpreter flushes once more at its end, when nobody can be told that it failed.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _described(error: Exception, *, exit_code: int) -> dict[str, Any]:
    return {"type": type(error).__name__, "exit_code": exit_code, "message": str(error)}
