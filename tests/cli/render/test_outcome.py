from __future__ import annotations

import errno
import json
from typing import NoReturn

import typer
from typer.testing import CliRunner

from ofa_export.cli.render.outcome import REQUEST, reports_errors
from ofa_export.errors import BudgetError, LoweringError, NumericsError

BUDGET_ERROR = BudgetError(needed=2_000, available=500, ways_out=("Use --budget 2KB.", "Shrink it."))


def run(error: BaseException, *arguments: str):
    """A command that ends with an error."""
    app = typer.Typer()

    @app.command()
    @reports_errors
    def command(json_output: bool = typer.Option(False, "--json")) -> NoReturn:
        raise error

    return CliRunner().invoke(app, list(arguments))


def test_an_error_of_the_tree_is_a_sentence_on_stderr_and_its_exit_code() -> None:
    result = run(NumericsError("Graph adapt is off."))
    assert (result.exit_code, result.stdout, result.stderr) == (4, "", "Error: Graph adapt is off.\n")


def test_with_json_the_error_is_on_stdout_too() -> None:
    result = run(NumericsError("Off."), "--json")
    assert json.loads(result.stdout) == {"error": {"type": "NumericsError", "exit_code": 4, "message": "Off."}}
    assert result.stderr == "Error: Off.\n"


def test_a_budget_error_has_its_numbers_and_its_ways_out() -> None:
    result = run(BUDGET_ERROR, "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["error"] | {"message": ""} == {
        "type": "BudgetError",
        "exit_code": 3,
        "message": "",
        "needed_bytes": 2000,
        "available_bytes": 500,
        "shortfall_bytes": 1500,
        "ways_out": ["Use --budget 2KB.", "Shrink it."],
    }
    assert result.stderr.splitlines() == [
        "Error: The budget cannot be met: needed 2,000 bytes, available 500 bytes, shortfall 1,500 bytes.",
        "  1. Use --budget 2KB.",
        "  2. Shrink it.",
    ]


def test_an_unexpected_exception_shows_the_traceback_and_asks_for_a_report() -> None:
    result = run(ZeroDivisionError("by zero"), "--json")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert result.stderr.endswith(f"ZeroDivisionError: by zero\n{REQUEST}\n")
    assert json.loads(result.stdout)["error"]["exit_code"] == 1


def test_what_the_system_refuses_is_not_a_defect() -> None:
    result = run(OSError(errno.EACCES, "Permission denied", "/vault/x.ofab"), "--json")
    sentence = "'/vault/x.ofab' cannot be used: Permission denied. Choose another place."
    assert (result.exit_code, result.stderr) == (2, f"Error: {sentence}\n")
    assert json.loads(result.stdout)["error"]["message"] == sentence


def test_another_error_of_the_system_is_one() -> None:
    assert "Traceback" in run(OSError(errno.ESTALE, "Stale file handle")).stderr


def test_a_converter_that_refuses_is_to_be_reported_without_a_traceback() -> None:
    result = run(LoweringError(converter="litert", stage="export", graph="adapt", detail="no such operator"))
    assert result.exit_code == 1
    assert result.stderr == f"Error: litert: export failed for graph adapt: no such operator\n{REQUEST}\n"


def test_an_interrupt_is_not_a_defect() -> None:
    result = run(KeyboardInterrupt())
    assert (result.exit_code, result.stderr) == (130, "Stopped.\n")
