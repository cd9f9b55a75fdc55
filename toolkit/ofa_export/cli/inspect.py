"""`ofa-export inspect`: what is inside a bundle."""

from __future__ import annotations

import os

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
    # A third of numpy's start-up is threads for linear algebra, of which there is none here.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from ofa_export.bundle.reader import Bundle
    from ofa_export.cli.results import bundle_json
    from ofa_export.cli.views import print_bundle

    with Bundle.open(bundle) as opened:
        if json_output:
            print_json(bundle_json(bundle, opened))
        else:
            print_bundle(str(bundle), opened.size, opened.manifest)
