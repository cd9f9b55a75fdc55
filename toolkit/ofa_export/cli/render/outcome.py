"""The end of every command: its result on stdout, or a sentence on stderr and the right exit code."""

from __future__ import annotations

import errno
import functools
import sys
from collections.abc import Callable
from typing import Any, NoReturn, ParamSpec, TypeVar

import typer

from ofa_export.cli.render.console import print_err, print_traceback
from ofa_export.cli.render.console import print_json as print_json
from ofa_export.cli.render.standard_streams import CLOSED_PIPE, abandon_stdout
from ofa_export.errors import (
    BudgetError,
    BundleError,
    DeltaError,
    LimitsError,
    OfaExportError,
    OutputError,
    SessionPackError,
)
from ofa_export.foreign_text import shown

P = ParamSpec("P")
R = TypeVar("R")

JSON_OPTION = "json_output"
"""Name of the parameter that every command has for --json."""

REQUEST = "This is a defect of ofa-export. Please report it with the lines above."
REFUSALS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EACCES,
    errno.EROFS,
    errno.EBADF,
    errno.EIO,
}
"""Error numbers of the system for which a path or a disk is at fault, and not this package."""

INTERRUPTED = 130
"""Exit code that shells show for SIGINT."""


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
            print_err("Stopped.")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            abandon_stdout()
            raise typer.Exit(CLOSED_PIPE) from None
        except Exception as error:
            if isinstance(error, OSError) and error.errno in REFUSALS:
                _refused(error, as_json=as_json)
            _defect(error, as_json=as_json)

    return wrapper


def _fail(error: OfaExportError, *, as_json: bool) -> NoReturn:
    if as_json:
        described = _described(error, exit_code=error.exit_code)
        if isinstance(error, BudgetError):
            described |= {"needed_bytes": error.needed, "available_bytes": error.available}
            described |= {"shortfall_bytes": error.shortfall}
        if isinstance(error, BudgetError | LimitsError):
            described |= {"ways_out": list(error.ways_out)}
        if isinstance(error, BundleError | DeltaError | SessionPackError):
            described |= {"code": error.code, "entry": error.entry}
        print_json({"error": described})
    print_err(*f"Error: {error}".split("\n"))
    if error.exit_code == OfaExportError.exit_code:
        print_err(REQUEST)
    raise typer.Exit(error.exit_code)


def _refused(error: OSError, *, as_json: bool) -> NoReturn:
    if error.filename is None:
        # It was stdout itself that the system refused to write to.
        abandon_stdout()
    place = "The output" if error.filename is None else f"'{error.filename}'"
    _fail(OutputError(f"{place} cannot be used: {error.strerror}. Choose another place."), as_json=as_json)


def _defect(error: Exception, *, as_json: bool) -> NoReturn:
    print_traceback()
    print_err(REQUEST)
    if as_json:
        print_json({"error": _described(error, exit_code=OfaExportError.exit_code)})
    raise typer.Exit(OfaExportError.exit_code) from None


def _described(error: Exception, *, exit_code: int) -> dict[str, Any]:
    message = str(error) if isinstance(error, OfaExportError) else shown(str(error))
    return {"type": type(error).__name__, "exit_code": exit_code, "message": message}
