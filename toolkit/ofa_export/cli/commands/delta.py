"""`ofa-export delta`: what one bundle has and another has not; `ofa-export patch`: the one made of the other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.render.options import ForceOption, JsonOption, OutputOption, examples
from ofa_export.cli.render.outcome import print_json, reports_errors

DELTA_EPILOG = examples(
    "ofa-export delta sample-1MB.ofab sample-4MB-litert.ofab -o up.ofad",
    "ofa-export delta sample-4MB-litert.ofab sample-1MB.ofab -o down.ofad",
    "ofa-export delta sample-1MB.ofab sample-4MB-litert.ofab -o new.ofad --json",
)
PATCH_EPILOG = examples(
    "ofa-export patch sample-1MB.ofab up.ofad -o large.ofab",
    "ofa-export patch sample-1MB.ofab up.ofad -o sample-1MB.ofab --force",
    "ofa-export patch sample-4MB-litert.ofab down.ofad -o smaller.ofab --json",
)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(name="delta", epilog=DELTA_EPILOG)(delta)
    app.command(name="patch", epilog=PATCH_EPILOG)(patch)


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
    from ofa_export.cli.render.bundle_paths import checked_bundle
    from ofa_export.cli.render.results import delta_json
    from ofa_export.cli.render.views import print_delta
    from ofa_export.support.atomic import atomic_write
    from ofa_export.support.output import check_apart, check_output

    check_apart((output,), (base, result))
    check_output(output, force=force)
    made = make_delta(checked_bundle(base), checked_bundle(result))
    with atomic_write(output, replace=force) as file:
        write_archive(file, made.entries())
    if json_output:
        print_json(delta_json(output, made))
    else:
        print_delta(output, made)


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
    from ofa_export.bundle.envelope import read_envelope, read_file
    from ofa_export.cli.render.bundle_paths import checked_bundle
    from ofa_export.cli.render.results import made_json
    from ofa_export.cli.render.views import print_made
    from ofa_export.errors import DeltaError
    from ofa_export.support.atomic import atomic_write
    from ofa_export.support.output import check_apart, check_output

    check_apart((output,), (delta,))
    check_output(output, force=force)
    change = Delta.from_bytes(read_file(delta, kind="delta", rejected=DeltaError))
    made = apply_delta(checked_bundle(base), change)
    with atomic_write(output, replace=force) as file:
        file.write(made)
    manifest = read_envelope(memoryview(made)).manifest
    if json_output:
        print_json(made_json(output, len(made), manifest))
    else:
        print_made(output, len(made), manifest)
