"""How every command ends: its result on stdout, or a sentence on stderr and the right exit code."""

from __future__ import annotations

import functools
import json
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn, ParamSpec, TypeVar

import typer

from ofa_export.errors import BudgetError, OfaExportError

P = ParamSpec("P")
R = TypeVar("R")

JSON_OPTION = "json_output"
"""Name of the parameter that every command has for --json."""


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
            return command(*args, **kwargs)
        except OfaExportError as error:
            _fail(error, as_json=as_json)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except KeyboardInterrupt:
            print("Stopped.", file=sys.stderr)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            raise typer.Exit(1) from None
        except Exception:
            traceback.print_exc()
            print("This is a defect of ofa-export. Please report it with the lines above.", file=sys.stderr)
            raise typer.Exit(1) from None

    return wrapper


def print_json(result: Any) -> None:
    """The machine-readable result, on stdout."""
    print(json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False))


def _fail(error: OfaExportError, *, as_json: bool) -> NoReturn:
    if as_json:
        described: dict[str, Any] = {
            "type": type(error).__name__,
            "exit_code": error.exit_code,
            "message": str(error),
        }
        if isinstance(error, BudgetError):
            described |= {"needed_bytes": error.needed, "available_bytes": error.available}
            described |= {"shortfall_bytes": error.shortfall, "ways_out": list(error.ways_out)}
        print_json({"error": described})
    print(f"Error: {error}", file=sys.stderr)
    raise typer.Exit(error.exit_code)
