"""`ofa-export inspect`: what is inside a bundle."""

from __future__ import annotations

import typer

from ofa_export.cli.options import BundleArgument, JsonOption, examples
from ofa_export.cli.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export inspect sample-4MB-litert.ofab",
    "ofa-export inspect sample-4MB-executorch.ofab --json",
    "ofa-export inspect small.ofab",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="inspect", epilog=EPILOG)(inspect)


@reports_errors
def inspect(bundle: BundleArgument, json_output: JsonOption = False) -> None:
    """Show what is inside a bundle and where it comes from."""
    from ofa_export.bundle.envelope import map_bundle, read_envelope
    from ofa_export.cli.results import bundle_json
    from ofa_export.cli.views import print_bundle

    envelope = read_envelope(memoryview(map_bundle(bundle)))
    if json_output:
        print_json(bundle_json(bundle, envelope))
    else:
        print_bundle(str(bundle), envelope.size, envelope.manifest)
