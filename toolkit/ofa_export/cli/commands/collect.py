"""`ofa-export collect`: bundles out of a fleet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.render.options import ForceOption, JsonOption, examples
from ofa_export.cli.render.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export collect fleet",
    "ofa-export collect fleet sample-1MB-litert.ofab -o one.ofab",
    "ofa-export collect fleet sample-4MB-litert.ofab -o out --force --json",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="collect", epilog=EPILOG)(collect)


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
    from ofa_export.support.output import make_folder, output_paths

    store = FleetStore(fleet)
    known = store.index().names()
    for name in names or ():
        if name not in known:
            raise UnknownNameError("bundle in this fleet", name, known)
    wanted = tuple(names or known)
    paths = output_paths(wanted, output, force=force)
    results = []
    for name, path in zip(wanted, paths, strict=True):
        make_folder(path.parent)
        manifest = collect_one(store, name, path, force=force)
        results.append(made_json(path, path.stat().st_size, manifest))
        if not json_output:
            print_made(path, path.stat().st_size, manifest)
    if json_output:
        print_json(results)
