"""The application `ofa-export`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

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
from ofa_export.cli.render.console import guard_streams, print_out
from ofa_export.cli.render.standard_streams import ends_with_stdout, open_streams
from ofa_export.foreign_text import shown

UsageError: Any = typer.BadParameter.__base__
"""The base of what Typer says of a command line, for which it has no public name."""


class _Commands(TyperGroup):
    """The commands; what Typer says of a command line quotes it harmlessly."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with _quoted_harmlessly():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        with _quoted_harmlessly():
            return super().invoke(ctx)


@contextmanager
def _quoted_harmlessly() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        if error.ctx is not None and error.format_message() == error.ctx.get_help():
            # No arguments at all: the help, which is ours and has lines.
            raise
        raise UsageError(shown(error.format_message()), ctx=error.ctx) from error


app = typer.Typer(
    name="ofa-export",
    cls=_Commands,
    help="Turn a trained recommender into files of any byte budget for a phone that adapts to its user in one forward "
    "pass.",
    epilog="Exit codes: 0 done, 2 wrong usage, 3 budget or limit cannot be met, 4 numbers out of tolerance, 5 bundle, "
    "delta, session pack, fleet or checkpoint rejected, 6 a tool is missing, 1 a defect of ours.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print_out(f"ofa-export {__version__}")
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
    guard_streams()
    with ends_with_stdout():
        app()
