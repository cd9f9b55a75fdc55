"""`ofa-export plan`: what a budget buys."""

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
    ItemsOption,
    JsonOption,
    LatencyOption,
    RamOption,
    RecipeOption,
    examples,
)
from ofa_export.cli.render.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export plan --budget 1MB",
    "ofa-export plan --budget 4MB --runtime executorch --json",
    "ofa-export plan --budget 960KB -o plan.yaml --html plan.html --force",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="plan", epilog=EPILOG)(plan)


@reports_errors
def plan(
    budget: BudgetOption,
    checkpoint: CheckpointArgument = SAMPLE_CHECKPOINT,
    runtime: Annotated[str, typer.Option("--runtime", metavar="NAME", help="litert or executorch.")] = "litert",
    converter: ConverterOption = None,
    group: Annotated[str, typer.Option("--group", metavar="G", help="User group: a number from 0.")] = "0",
    recipe: RecipeOption = "int8",
    items: ItemsOption = None,
    ram_budget: RamOption = None,
    max_latency_ms: LatencyOption = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE.yaml", help="Write the resolved recipe for `bundle --recipe`."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the plan as one page, with a treemap.")
    ] = None,
    force: ForceOption = False,
    json_output: JsonOption = False,
) -> None:
    """Show what a budget buys: bytes per part, quality, alternatives."""
    from ofa_export.converters.registry import converters_for
    from ofa_export.support.extras import REPORT, require

    require(*converters_for(runtime, converter), *([REPORT] if html else []), by="The command plan")
    from ofa_export.cli.render.progress import planning_bar
    from ofa_export.cli.render.results import plan_json
    from ofa_export.cli.render.views import print_plan
    from ofa_export.errors import ConfigError
    from ofa_export.planning.bundle_job import bundle_recipe, make_jobs, parse_group
    from ofa_export.planning.limits import parse_budget, parse_limits
    from ofa_export.planning.plan_page import plan_html
    from ofa_export.support.atomic import atomic_write
    from ofa_export.support.output import check_outputs

    check_outputs((output, html), force=force)
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
    if len(jobs) > 1:
        raise ConfigError("A plan is for one bundle: choose one runtime and one group.")
    (job,) = jobs
    with planning_bar(f"Planning for {job.runtime}") as progress:
        choice, made = job.plan(progress=progress)
    if output is not None:
        with atomic_write(output, replace=force) as file:
            file.write(made.recipe_yaml().encode())
    if html is not None:
        with atomic_write(html, replace=force) as file:
            file.write(plan_html(made, choice).encode())
    if json_output:
        print_json(plan_json(made, choice))
    else:
        print_plan(made, choice)
