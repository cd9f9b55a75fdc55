"""`ofa-export fleet`: all bundles of a checkpoint in one go."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ofa_export.cli.render.options import (
    SAMPLE_CHECKPOINT,
    CheckpointArgument,
    ConverterOption,
    ForceOption,
    JsonOption,
    examples,
)
from ofa_export.cli.render.outcome import print_json, reports_errors

if TYPE_CHECKING:
    from ofa_export.fleet.recipe import FleetRecipe
    from ofa_export.support.progress_callback import ProgressCallback

EPILOG = examples(
    "ofa-export fleet --budgets 960KB,1MB,4MB -o fleet",
    "ofa-export fleet --recipe phones -o phones --workers 2 --html fleet.html",
    "ofa-export fleet --budgets 960KB,1MB,4MB -o fleet --resume --json",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="fleet", epilog=EPILOG)(fleet)


@reports_errors
def fleet(
    output: Annotated[str, typer.Option("-o", "--output", metavar="URL", help="A folder, or any URL of fsspec.")],
    checkpoint: CheckpointArgument = SAMPLE_CHECKPOINT,
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="NAME|FILE", help="Fleet recipe: phones, or FILE.yaml.")
    ] = "phones",
    budgets: Annotated[
        str | None, typer.Option("--budgets", metavar="SIZES", help="In place of the recipe's: 512KB,1MB,4MB.")
    ] = None,
    groups: Annotated[
        str | None, typer.Option("--groups", metavar="G", help="In place of the recipe's: a number from 0, or all.")
    ] = None,
    runtime: Annotated[
        str | None,
        typer.Option("--runtime", metavar="NAME", help="In place of the recipe's: litert, executorch, both."),
    ] = None,
    converter: ConverterOption = None,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=1, help="Processes; by default one for each core.")
    ] = os.cpu_count() or 1,
    ray: Annotated[
        str | None, typer.Option("--ray", metavar="ADDRESS", help="A Ray cluster in place of processes here.")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the summary as one page.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a fleet that was stopped.")] = False,
    force: ForceOption = False,
    json_output: JsonOption = False,
) -> None:
    """Make every bundle of a checkpoint in one go."""
    from ofa_export.cli.render.fleet_view import fleet_json, print_fleet
    from ofa_export.fleet.fleet_jobs import fleet_jobs
    from ofa_export.fleet.html_report import fleet_html
    from ofa_export.fleet.run import check_place, make_fleet
    from ofa_export.fleet.runners import process_runner, ray_runner
    from ofa_export.fleet.store import FleetStore
    from ofa_export.support.output import atomic_write, check_output

    wanted = _overridden(recipe, budgets=budgets, groups=groups, runtime=runtime, converter=converter)
    if html is not None:
        check_output(html, force=force or resume)
    store = FleetStore(output)
    check_place(store, resume=resume, force=force)
    jobs = fleet_jobs(checkpoint, wanted)
    with nullcontext(process_runner(workers)) if ray is None else ray_runner(ray) as runner, _bar() as progress:
        index = make_fleet(jobs, store, runner=runner, resume=resume, progress=progress)
    stored = store.stored_bytes()
    if html is not None:
        with atomic_write(html) as file:
            file.write(fleet_html(index, stored=stored).encode())
    if json_output:
        print_json(fleet_json(index, url=output, stored=stored))
    else:
        print_fleet(index, url=output, stored=stored)


def _overridden(name: str, *, budgets: str | None, **named: str | None) -> FleetRecipe:
    from ofa_export.errors import ConfigError
    from ofa_export.fleet.recipe import FleetRecipe
    from ofa_export.support.recipes import load_recipe

    recipe = load_recipe("fleet", name, FleetRecipe)
    given = {**named, "budgets": None if budgets is None else budgets.split(",")}
    try:
        return FleetRecipe.model_validate(recipe.model_dump() | {k: v for k, v in given.items() if v is not None})
    except ValueError as error:
        from ofa_export.planning.budget import parse_budget

        for budget in budgets.split(",") if budgets is not None else ():
            parse_budget(budget)
        raise ConfigError(
            f"--budgets, --groups, --runtime and --converter together say nothing that can be made: {error}"
        ) from error


@contextmanager
def _bar() -> Iterator[ProgressCallback]:
    """Progress over all bundles on stderr; nothing when that is no terminal."""
    from ofa_export.support.progress_callback import no_progress

    if not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        yield progress
