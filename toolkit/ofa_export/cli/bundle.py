"""`ofa-export bundle`: bundles within a byte budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.options import (
    SAMPLE_CHECKPOINT,
    BudgetOption,
    CheckpointArgument,
    ForceOption,
    GroupOption,
    JsonOption,
    RecipeOption,
    examples,
)
from ofa_export.cli.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export bundle --budget 4MB",
    "ofa-export bundle --budget 650KB --backend litert -o small.ofab",
    "ofa-export bundle artifacts/sample --budget 1MiB --backend both --recipe int8 -o out --json",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="bundle", epilog=EPILOG)(bundle)


@reports_errors
def bundle(
    budget: BudgetOption,
    checkpoint: CheckpointArgument = SAMPLE_CHECKPOINT,
    backend: Annotated[str, typer.Option("--backend", metavar="NAME", help="litert, executorch or both.")] = "both",
    group: GroupOption = "0",
    recipe: RecipeOption = "int8",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File for one bundle, folder for several; named in this folder otherwise."),
    ] = None,
    force: ForceOption = False,
    json_output: JsonOption = False,
) -> None:
    """Write one .ofab file per backend and group, never larger than the budget."""
    from ofa_export.bundle.writer import write_bundle
    from ofa_export.cli.progress import spinner
    from ofa_export.cli.views import plan_json, print_bundles
    from ofa_export.planning.jobs import make_jobs, output_paths

    jobs = make_jobs(checkpoint, budget=budget, backend=backend, group=group, recipe=recipe)
    paths = output_paths(jobs, output, force=force)
    made = []
    for job, path in zip(jobs, paths, strict=True):
        with spinner(f"Bundling {path.name}"):
            plan = job.plan()
            write_bundle(path, plan.contents, tiles=plan.tiles, budget=plan.budget, force=force)
        made.append((path, plan))
    if json_output:
        print_json([{"path": str(path), **plan_json(plan)} for path, plan in made])
    else:
        print_bundles(made)
