"""`ofa-export fleet`: all bundles of a checkpoint in one go; `ofa-export collect`: bundles out of a fleet."""

from __future__ import annotations

import os
from contextlib import nullcontext
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
    from ofa_export.fleet.fleet_recipe import FleetRecipe

FLEET_EPILOG = examples(
    "ofa-export fleet --budgets 960KB,1MB,4MB -o fleet",
    "ofa-export fleet --recipe phones -o phones --workers 2 --html fleet.html",
    "ofa-export fleet --budgets 960KB,1MB,4MB -o fleet --resume --json",
)
COLLECT_EPILOG = examples(
    "ofa-export collect fleet",
    "ofa-export collect fleet sample-1MB-litert.ofab -o one.ofab",
    "ofa-export collect fleet sample-4MB-litert.ofab -o out --force --json",
)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(name="fleet", epilog=FLEET_EPILOG)(fleet)
    app.command(name="collect", epilog=COLLECT_EPILOG)(collect)


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
    from ofa_export.converters.registry import converters_for
    from ofa_export.support.extras import REPORT, require

    wanted = _overridden(recipe, budgets=budgets, groups=groups, runtime=runtime, converter=converter)
    extras = [*([REPORT] if html else []), *([] if ray is None else ["fleet"])]
    require(*converters_for(wanted.runtime, wanted.converter), *extras, by="The command fleet")
    from ofa_export.fleet.store import FleetStore
    from ofa_export.support.atomic import atomic_write
    from ofa_export.support.output import check_outputs, refuse_dash

    refuse_dash(output)
    check_outputs((html,), force=force or resume)
    # Before PyTorch is imported and a cluster started; `make_fleet` looks once more.
    store = FleetStore(output)
    store.check_lasts()
    store.check_free(resume=resume, force=force)
    from ofa_export.cli.render.fleet_view import fleet_json, print_fleet
    from ofa_export.cli.render.progress import fleet_bars
    from ofa_export.fleet.fleet_page import fleet_html
    from ofa_export.fleet.fleet_recipe import fleet_jobs
    from ofa_export.fleet.make_fleet import make_fleet
    from ofa_export.fleet.runners import process_runner, ray_runner

    jobs = fleet_jobs(checkpoint, wanted)
    with nullcontext(process_runner(workers)) if ray is None else ray_runner(ray) as runner, fleet_bars() as progress:
        made = make_fleet(jobs, store, runner=runner, resume=resume, force=force, progress=progress)
    stored = store.stored_bytes()
    if html is not None:
        with atomic_write(html, replace=force or resume) as file:
            file.write(fleet_html(made.index, stored=stored).encode())
    if json_output:
        print_json(fleet_json(made, url=store.shown, stored=stored))
    else:
        print_fleet(made, url=store.shown, stored=stored)


@reports_errors
def collect(
    fleet: Annotated[str, typer.Argument(metavar="FLEET", help="What `fleet` wrote: a folder or URL.")],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", show_default=False, help="Bundles; without one, all.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PATH", help="A file for one bundle, a folder for any; default: here."),
    ] = None,
    force: ForceOption = False,
    json_output: JsonOption = False,
) -> None:
    """Write bundles of a fleet as ordinary files."""
    from ofa_export.cli.render.results import made_json
    from ofa_export.cli.render.views import print_made
    from ofa_export.errors import UnknownNameError
    from ofa_export.fleet.collect import collect as collect_one
    from ofa_export.fleet.store import FleetStore
    from ofa_export.support.output import check_apart, made_folder, output_paths

    store = FleetStore(fleet)
    known = {bundle.name: bundle for bundle in store.index().bundles}
    for name in names or ():
        if name not in known:
            raise UnknownNameError("bundle in this fleet", name, known)
    # Each once, however often it is named.
    wanted = tuple(dict.fromkeys(names or known))
    paths = output_paths(wanted, output, force=force)
    check_apart(paths, folder=fleet)
    results = []
    for name, path in zip(wanted, paths, strict=True):
        with made_folder(path.parent):
            manifest = collect_one(store, known[name], path, force=force)
        results.append(made_json(path, path.stat().st_size, manifest))
        if not json_output:
            print_made(path, path.stat().st_size, manifest)
    if json_output:
        print_json(results)


def _overridden(name: str, *, budgets: str | None, **named: str | None) -> FleetRecipe:
    from ofa_export.errors import ConfigError
    from ofa_export.fleet.fleet_recipe import FleetRecipe
    from ofa_export.support.recipes import load_recipe

    recipe = load_recipe("fleet", name, FleetRecipe)
    given = {**named, "budgets": None if budgets is None else budgets.split(",")}
    try:
        return FleetRecipe.model_validate(recipe.model_dump() | {k: v for k, v in given.items() if v is not None})
    except ValueError as error:
        from ofa_export.planning.limits import parse_budget

        for budget in budgets.split(",") if budgets is not None else ():
            parse_budget(budget)
        raise ConfigError(
            f"--budgets, --groups, --runtime and --converter together say nothing that can be made: {error}"
        ) from error
