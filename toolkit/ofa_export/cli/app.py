"""The application `ofa-export`."""

from __future__ import annotations

from typing import Annotated

import typer

from ofa_export import __version__
from ofa_export.cli.commands import (
    apk,
    benchmark,
    bundle,
    delta,
    evaluate,
    fleet,
    import_checkpoint,
    inspect,
    plan,
    resize,
    run,
    session,
    train,
    validate,
)
from ofa_export.cli.render.standard_streams import ends_with_stdout, open_streams

app = typer.Typer(
    name="ofa-export",
    help="Turn a trained recommender into files of any byte budget for a phone that adapts to its user in one forward "
    "pass.",
    epilog="Exit codes: 0 done, 2 wrong usage, 3 budget cannot be met, 4 numbers out of tolerance, 5 bundle, "
    "delta, session pack, fleet or checkpoint rejected, 6 a tool is missing, 1 a defect of ours.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"ofa-export {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the application itself."""


for module in (
    train,
    import_checkpoint,
    evaluate,
    plan,
    bundle,
    fleet,
    resize,
    delta,
    session,
    inspect,
    validate,
    run,
    apk,
    benchmark,
):
    module.register(app)


def main() -> None:
    """Entry point of the console script."""
    open_streams()
    with ends_with_stdout():
        app()
