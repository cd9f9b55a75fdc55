"""`ofa-export run`: adapt and rank on this computer."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.render.options import BundleArgument, JsonOption, examples
from ofa_export.cli.render.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export run sample-4MB-litert.ofab --history 85123A,22423",
    "ofa-export run sample-4MB-executorch.ofab --history 85123A,22423 -k 5",
    "ofa-export run sample-4MB-litert.ofab --history 22139,21754,21755 --json",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="run", epilog=EPILOG)(run)


@reports_errors
def run(
    bundle: BundleArgument,
    history: Annotated[
        list[str],
        typer.Option(
            "--history",
            metavar="KEYS",
            help="Item keys, oldest first, with commas between; '\"a,b\",c' for keys with commas. May be repeated.",
        ),
    ],
    k: Annotated[int, typer.Option("-k", metavar="N", help="How many items to show.")] = 10,
    session: Annotated[
        Path | None, typer.Option("--session", metavar="PACK", help="Rank the items of a session pack as well.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Adapt to a history on this computer and show the best items."""
    from ofa_export.bundle.reader import Bundle
    from ofa_export.bundle.session_pack import SessionPack
    from ofa_export.cli.render.results import ranking_json
    from ofa_export.cli.render.views import print_ranking
    from ofa_export.device.loop import median_ranking
    from ofa_export.targets.open_device import open_device

    keys = [key for line in history for key in _keys(line)]
    pack = SessionPack.open(session) if session is not None else None
    with Bundle.open(bundle) as opened, open_device(opened) as device:
        device.use_session(pack)
        known = device.history_rows(keys)
        ranking = median_ranking(device, known.rows, k)
        if json_output:
            print_json(ranking_json(device, known, ranking))
        else:
            print_ranking(device, known, ranking)


def _keys(line: str) -> list[str]:
    """Return the item keys of one `--history`: a line of CSV, so that a key with a comma can be quoted.

    Args:
        line: as it was given.

    Raises:
        ConfigError: a quote is not closed.
    """
    from ofa_export.errors import ConfigError

    try:
        cells = next(csv.reader([line], skipinitialspace=True, strict=True), [])
    except csv.Error as error:
        raise ConfigError(
            f"--history {line!r} has a double quote that does not enclose a whole key. Write a key with a comma or a "
            'quote as in CSV: "a,b" for a,b and "5"" nail" for 5" nail.'
        ) from error
    return [key for key in map(str.strip, cells) if key]
