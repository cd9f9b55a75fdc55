"""`ofa-export patch`: a bundle and a delta to the bundle that the delta was made for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.render.options import ForceOption, JsonOption, OutputOption, examples
from ofa_export.cli.render.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export patch sample-1MB.ofab up.ofad -o large.ofab",
    "ofa-export patch sample-1MB.ofab up.ofad -o sample-1MB.ofab --force",
    "ofa-export patch sample-4MB-litert.ofab down.ofad -o smaller.ofab --json",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="patch", epilog=EPILOG)(patch)


@reports_errors
def patch(
    base: Annotated[Path, typer.Argument(metavar="A", help="The bundle that the delta was made from.")],
    delta: Annotated[Path, typer.Argument(metavar="DELTA", help="Delta file, NAME.ofad.")],
    output: OutputOption,
    force: ForceOption = False,
    json_output: JsonOption = False,
) -> None:
    """Make bundle B from bundle A and a delta, byte for byte."""
    from ofa_export.bundle.delta import Delta, apply_delta
    from ofa_export.bundle.envelope import map_file, read_envelope
    from ofa_export.cli.render.checked import checked_bundle
    from ofa_export.cli.render.results import made_json
    from ofa_export.cli.render.views import print_made
    from ofa_export.errors import DeltaError
    from ofa_export.support.output import atomic_write, check_output

    check_output(output, force=force)
    change = Delta.from_bytes(memoryview(map_file(delta, kind="delta", rejected=DeltaError)))
    made = apply_delta(checked_bundle(base), change)
    with atomic_write(output) as file:
        file.write(made)
    manifest = read_envelope(memoryview(made)).manifest
    if json_output:
        print_json(made_json(output, len(made), manifest))
    else:
        print_made(output, len(made), manifest)
