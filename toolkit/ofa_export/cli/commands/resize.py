"""`ofa-export resize`: a smaller bundle from a larger one."""

from __future__ import annotations

import typer

from ofa_export.cli.render.options import BudgetOption, BundleArgument, ForceOption, JsonOption, OutputOption, examples
from ofa_export.cli.render.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export resize sample-4MB-litert.ofab --budget 1MB -o sample-1MB.ofab",
    "ofa-export resize sample-4MB-litert.ofab --budget 960KB -o a.ofab --force",
    "ofa-export resize sample-4MB-litert.ofab --budget 1.05MB -o b.ofab --json",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="resize", epilog=EPILOG)(resize)


@reports_errors
def resize(
    bundle: BundleArgument,
    budget: BudgetOption,
    output: OutputOption,
    force: ForceOption = False,
    json_output: JsonOption = False,
) -> None:
    """Make a smaller bundle from a bundle, without its checkpoint."""
    from ofa_export.bundle.reader import Bundle
    from ofa_export.cli.render.results import made_json
    from ofa_export.cli.render.views import print_made
    from ofa_export.planning.limits import parse_budget

    size = parse_budget(budget)
    with Bundle.open(bundle) as source, source.resize(budget=size, path=output, force=force) as made:
        if json_output:
            print_json(made_json(output, made.size, made.manifest))
        else:
            print_made(output, made.size, made.manifest)
