"""`ofa-export import`: a state dict of another code base to a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.render.console import print_err
from ofa_export.cli.render.options import (
    ForceOption,
    ItemColumnOption,
    JsonOption,
    TimeColumnOption,
    TitleColumnOption,
    UserColumnOption,
    examples,
    named_columns,
)
from ofa_export.cli.render.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export import m.pth --format pmixer --interactions sales.csv -o mine",
    "ofa-export import m.pth --format recbole --interactions a.csv --heads 4 -o b",
    "ofa-export import m --format pmixer --interactions a.csv --items i.csv -o b",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="import", epilog=EPILOG)(import_state_dict)


@reports_errors
def import_state_dict(
    state_dict: Annotated[
        Path,
        typer.Argument(
            metavar="STATE_DICT", help="File of its tensors: safetensors, or torch.save, as trainers write it."
        ),
    ],
    source_format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            help="Where they come from: pmixer, pmixer-unmasked, pmixer-norm-first, pmixer-norm-last or recbole.",
        ),
    ],
    interactions: Annotated[
        str, typer.Option("--interactions", metavar="DATA", help="As for train: popularity and validation histories.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="The checkpoint to write.")],
    items: Annotated[
        Path | None,
        typer.Option("--items", metavar="FILE", help="File with source_id and item_id; else ids are the numbers."),
    ] = None,
    titles: Annotated[
        Path | None, typer.Option("--titles", metavar="FILE", help="File with item and title of each item.")
    ] = None,
    user_column: UserColumnOption = None,
    item_column: ItemColumnOption = None,
    time_column: TimeColumnOption = None,
    title_column: TitleColumnOption = None,
    heads: Annotated[
        int | None, typer.Option("--heads", min=1, metavar="N", help="Attention heads, which the tensors do not tell.")
    ] = None,
    rank: Annotated[
        int, typer.Option("--rank", min=1, max=256, metavar="R", help="Rank of the weights that training adds later.")
    ] = 8,
    validation_histories: Annotated[
        str,
        typer.Option(
            "--validation-histories",
            metavar="KIND",
            help="What the checkpoint keeps of people: real, synthetic or none.",
        ),
    ] = "real",
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Seed of every random draw.")] = 0,
    force: ForceOption = False,
    json_output: JsonOption = False,
) -> None:
    """Make a checkpoint of a SASRec that was trained elsewhere."""
    from ofa_export.support.extras import require

    require("train", by="The command import")
    from ofa_export.cli.given import check_history_kind, check_interactions, check_tensors, check_titles
    from ofa_export.importing.source import check_format
    from ofa_export.support.output import check_checkpoint_output

    check_format(source_format)
    check_history_kind(validation_histories)
    check_checkpoint_output(output, force=force)
    check_tensors(state_dict)
    columns = named_columns(user=user_column, item=item_column, time=time_column, title=title_column)
    check_titles(titles, columns)
    check_interactions(interactions, columns=columns, others=[titles, items])
    from ofa_export.api import import_checkpoint

    made = import_checkpoint(
        state_dict,
        output,
        format=source_format,
        interactions=interactions,
        items=items,
        titles=titles,
        columns=columns,
        heads=heads,
        rank=rank,
        validation_histories=validation_histories,
        seed=seed,
        force=force,
        progress=lambda what, done, total: print_err(what),
    )
    if json_output:
        from ofa_export.cli.render.results import trained_json

        print_json(trained_json(output, made.config, seed=seed))
    else:
        from ofa_export.cli.render.views import print_imported

        print_imported(str(output), made.config)
