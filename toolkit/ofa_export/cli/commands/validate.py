"""`ofa-export validate`: bundles against the PyTorch reference."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.render.options import SAMPLE_CHECKPOINT, ForceOption, JsonOption, examples
from ofa_export.cli.render.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export validate sample-4MB-litert.ofab",
    "ofa-export validate sample-4MB-litert.ofab --cross --junit report.xml",
    "ofa-export validate sample-4MB-executorch.ofab --target android --json",
)

LOG_WIDTH = 120
"""Columns of a report that does not go to a terminal."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="validate", epilog=EPILOG)(validate)


@reports_errors
def validate(
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE", help="Bundle files, or patterns in quotes.")],
    checkpoint: Annotated[
        Path,
        typer.Option(
            "--checkpoint", metavar="FOLDER", help="What they were made from; default: the sample.", show_default=False
        ),
    ] = SAMPLE_CHECKPOINT,
    target: Annotated[
        str, typer.Option("--target", metavar="NAME", help="Where the graphs run: host, android or arm64.")
    ] = "host",
    tolerance: Annotated[
        str, typer.Option("--tolerance", metavar="NAME|FILE", help="Tolerance recipe: default, strict, or FILE.yaml.")
    ] = "default",
    cross: Annotated[
        bool, typer.Option("--cross", help="Also compare with the runtime's other converter (LiteRT has two).")
    ] = False,
    layers: Annotated[bool, typer.Option("--layers", help="Also the error of every layer of every graph.")] = False,
    attribute: Annotated[
        bool, typer.Option("--attribute", help="Also which layer costs how much NDCG@10, and what brings it back.")
    ] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the report as JUnit XML.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", help="Write the report as one page; with --layers also the errors of these."
        ),
    ] = None,
    force: ForceOption = False,
    json_output: JsonOption = False,
) -> None:
    """Compare bundles with the PyTorch reference."""
    import json
    from itertools import product

    from ofa_export.api import converter_extras, opened
    from ofa_export.api import validate as validate_bundle
    from ofa_export.cli.given import check_checkpoints
    from ofa_export.cli.render.bundle_paths import bundle_paths
    from ofa_export.support.atomic import atomic_write
    from ofa_export.support.extras import REPORT, require
    from ofa_export.support.output import check_apart, check_outputs
    from ofa_export.support.recipes import load_recipe
    from ofa_export.targets.registry import target_names
    from ofa_export.validation.tolerance import TolerancePolicy

    check_outputs((junit, html), force=force)
    policy, names = load_recipe("tolerance", tolerance, TolerancePolicy), target_names(target)
    paths = bundle_paths(bundles)
    check_apart((junit, html), paths)
    check_checkpoints(checkpoint)
    require(*converter_extras(paths, cross=cross), *([REPORT] if html else []), by="The command validate")

    reference, reports = opened(checkpoint), []

    from ofa_export.cli.render.console import rich_console
    from ofa_export.cli.render.progress import spinner
    from ofa_export.validation.reports.html import validation_html
    from ofa_export.validation.reports.json import reports_to_json
    from ofa_export.validation.reports.junit import reports_to_junit
    from ofa_export.validation.reports.report import exit_code
    from ofa_export.validation.reports.terminal import print_report

    for path, name in product(paths, names):
        with spinner(f"Validating {path.name}"):
            reports.append(
                validate_bundle(
                    path,
                    reference,
                    tolerance=policy,
                    target=name,
                    cross=cross,
                    layers=layers,
                    attribute=attribute,
                )
            )
        if not json_output:
            print_report(reports[-1], rich_console(stderr=False, width=None if sys.stdout.isatty() else LOG_WIDTH))
    code = exit_code(reports)
    if junit is not None:
        with atomic_write(junit, replace=force) as file:
            file.write(reports_to_junit(reports))
    if html is not None:
        with atomic_write(html, replace=force) as file:
            file.write(validation_html(reports).encode())
    if json_output:
        print_json(json.loads(reports_to_json(reports, code=code)))
    raise typer.Exit(code)
