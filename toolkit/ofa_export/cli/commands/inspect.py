"""`ofa-export inspect`: what is inside a bundle or a session pack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.render.options import JsonOption, examples
from ofa_export.cli.render.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export inspect sample-4MB-litert.ofab",
    "ofa-export inspect sample-4MB-executorch.ofab --json",
    "ofa-export inspect small.ofab",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="inspect", epilog=EPILOG)(inspect)


@reports_errors
def inspect(
    file: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Bundle, NAME.ofab, or session pack, NAME.ofas.")],
    json_output: JsonOption = False,
) -> None:
    """Show what a bundle or session pack holds, and its origin."""
    from ofa_export.bundle.envelope import read_bundle, read_envelope
    from ofa_export.bundle.session_fields import claims_session_pack, read_session_fields
    from ofa_export.cli.render.results import bundle_json, session_json
    from ofa_export.cli.render.views import print_bundle, print_session

    data = read_bundle(file)
    if claims_session_pack(data):
        fields, _ = read_session_fields(data)
        if json_output:
            print_json(session_json(file, len(data), fields))
        else:
            print_session(str(file), len(data), fields)
        return
    envelope = read_envelope(data)
    if json_output:
        print_json(bundle_json(file, envelope))
    else:
        print_bundle(str(file), envelope.size, envelope.manifest)
