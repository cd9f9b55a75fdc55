"""`ofa-export delta`: what one bundle has and another has not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.render.options import ForceOption, JsonOption, OutputOption, examples
from ofa_export.cli.render.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export delta sample-1MB.ofab sample-4MB-litert.ofab -o up.ofad",
    "ofa-export delta sample-4MB-litert.ofab sample-1MB.ofab -o down.ofad",
    "ofa-export delta sample-1MB.ofab sample-4MB-litert.ofab -o new.ofad --json",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="delta", epilog=EPILOG)(delta)


@reports_errors
def delta(
    base: Annotated[Path, typer.Argument(metavar="A", help="The bundle that the phone has.")],
    result: Annotated[Path, typer.Argument(metavar="B", help="The bundle that it shall have.")],
    output: OutputOption,
    force: ForceOption = False,
    json_output: JsonOption = False,
) -> None:
    """Write what bundle B has and bundle A has not."""
    from ofa_export.bundle.archive import write_archive
    from ofa_export.bundle.delta import make_delta
    from ofa_export.cli.render.checked import checked_bundle
    from ofa_export.cli.render.results import delta_json
    from ofa_export.cli.render.views import print_delta
    from ofa_export.support.output import atomic_write, check_output

    check_output(output, force=force)
    made = make_delta(checked_bundle(base), checked_bundle(result))
    with atomic_write(output) as file:
        write_archive(file, made.entries())
    if json_output:
        print_json(delta_json(output, made))
    else:
        print_delta(output, made)
