"""`ofa-export bundle`: bundles within a byte budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.render.options import (
    SAMPLE_CHECKPOINT,
    BudgetOption,
    CheckpointArgument,
    ConverterOption,
    ForceOption,
    GroupOption,
    ItemsOption,
    JsonOption,
    LatencyOption,
    RamOption,
    RecipeOption,
    RuntimeOption,
    examples,
)
from ofa_export.cli.render.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export bundle --budget 4MB",
    "ofa-export bundle --budget 1MB --runtime litert -o small.ofab",
    "ofa-export bundle --budget 1MiB --group all -o out --force --json",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="bundle", epilog=EPILOG)(bundle)


@reports_errors
def bundle(
    budget: BudgetOption,
    checkpoint: CheckpointArgument = SAMPLE_CHECKPOINT,
    runtime: RuntimeOption = None,
    converter: ConverterOption = None,
    group: GroupOption = "0",
    recipe: RecipeOption = "int8",
    items: ItemsOption = None,
    ram_budget: RamOption = None,
    max_latency_ms: LatencyOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="PATH", help="A file for one bundle, a folder for several; default: here."
        ),
    ] = None,
    force: ForceOption = False,
    json_output: JsonOption = False,
) -> None:
    """Write a bundle per runtime and group, none over the budget."""
    from ofa_export.converters.registry import converters_for
    from ofa_export.support.extras import require

    require(*converters_for(runtime, converter), by="The command bundle")
    from ofa_export.cli.render.progress import planning_bar
    from ofa_export.cli.render.results import plan_json
    from ofa_export.cli.render.views import print_bundles
    from ofa_export.planning.bundle_job import bundle_recipe, make_jobs, parse_group
    from ofa_export.planning.limits import parse_budget, parse_limits
    from ofa_export.support.output import made_folder, output_paths

    jobs = make_jobs(
        checkpoint,
        budget=parse_budget(budget),
        budget_text=budget,
        runtime=runtime,
        converter=converter,
        group=parse_group(group),
        recipe=bundle_recipe(recipe, items=items),
        limits=parse_limits(ram_budget=ram_budget, max_latency_ms=max_latency_ms),
    )
    paths = output_paths([job.file_name for job in jobs], output, force=force)
    # All are planned before the first is written: a budget that only one of them meets leaves nothing behind.
    plans = []
    for job in jobs:
        with planning_bar(f"Planning {job.file_name}") as progress:
            plans.append(job.plan(progress=progress))
    for path, (_, plan) in zip(paths, plans, strict=True):
        with made_folder(path.parent):
            plan.write(path, force=force).close()
    if json_output:
        print_json(
            [{"path": str(path), **plan_json(plan, choice)} for path, (choice, plan) in zip(paths, plans, strict=True)]
        )
    else:
        print_bundles([(path, plan, choice) for path, (choice, plan) in zip(paths, plans, strict=True)])
