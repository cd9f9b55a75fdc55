"""`ofa-export train`: interactions to a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.render.options import (
    ItemColumnOption,
    JsonOption,
    TimeColumnOption,
    TitleColumnOption,
    UserColumnOption,
    examples,
    named_columns,
)
from ofa_export.cli.render.outcome import print_json, reports_errors
from ofa_export.errors import OfaExportError

EPILOG = examples(
    "ofa-export train online-retail -o checkpoint --recipe ci",
    "ofa-export train online-retail -o checkpoint --recipe ci --resume",
    "ofa-export train planted -o planted --recipe planted --seed 1 --json",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="train", epilog=EPILOG)(train)


@reports_errors
def train(
    interactions: Annotated[
        str,
        typer.Argument(
            metavar="INTERACTIONS",
            help="File of users, items and times; or a sample: online-retail, planted, planted-mixed.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="The checkpoint to write.")],
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe", metavar="NAME|FILE", help="Train recipe: a name from export_recipes/train, or FILE.yaml."
        ),
    ] = "base",
    start: Annotated[
        Path | None,
        typer.Option("--from", metavar="CHECKPOINT", help="Train on top of what import made; its weights stay."),
    ] = None,
    titles: Annotated[
        Path | None, typer.Option("--titles", metavar="FILE", help="File with item and title of each item.")
    ] = None,
    user_column: UserColumnOption = None,
    item_column: ItemColumnOption = None,
    time_column: TimeColumnOption = None,
    title_column: TitleColumnOption = None,
    validation_histories: Annotated[
        str | None,
        typer.Option(
            "--validation-histories",
            metavar="KIND",
            help="What the checkpoint keeps of people: real, synthetic or none.",
        ),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="Where to train: auto, cpu, cuda or mps.")
    ] = "auto",
    precision: Annotated[
        str, typer.Option("--precision", metavar="NAME", help="fp32, or bf16: faster where the device has it.")
    ] = "fp32",
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Seed of every random draw.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was stopped, even by a kill.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing checkpoint, and throw an unfinished run away.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Train a checkpoint from interactions, in stages.

    Items of one user with equal times come in an order that the seed draws. The
    file's order counts with ties: file under data: in the recipe.
    """
    from ofa_export.support.extras import require

    require("train", by="The command train")
    from ofa_export.cli.given import check_checkpoints, check_history_kind, check_interactions, check_titles
    from ofa_export.support.output import check_checkpoint_output
    from ofa_export.support.recipes import load_recipe
    from ofa_export.training.accelerator import check_names
    from ofa_export.training.train_recipe import TrainRecipe

    with _said_once():
        data = load_recipe("train", recipe, TrainRecipe).data
        of_recipe = data.resolved().columns if data else {}
        columns = named_columns(user=user_column, item=item_column, time=time_column, title=title_column)
        check_history_kind(validation_histories)
        check_names(device, precision)
        check_titles(titles, columns)
        check_checkpoints(start)
        check_checkpoint_output(output, force=force)
        check_interactions(interactions, columns={**of_recipe, **columns}, others=[titles])
    from ofa_export.api import opened
    from ofa_export.api import train as train_checkpoint
    from ofa_export.cli.render.progress import TrainingBars
    from ofa_export.training.distributed import is_first

    with _said_once(), TrainingBars() as bars:
        made = train_checkpoint(
            interactions,
            output,
            recipe=recipe,
            titles=titles,
            columns=columns,
            start=None if start is None else opened(start),
            validation_histories=validation_histories,
            device=device,
            precision=precision,
            seed=seed,
            resume=resume,
            force=force,
            progress=bars,
        )
    if not is_first():
        return
    if json_output:
        from ofa_export.cli.render.results import trained_json

        print_json(trained_json(output, made.config, seed=seed))
    else:
        from ofa_export.cli.render.views import print_trained

        print_trained(str(output), made.config)


@contextmanager
def _said_once() -> Iterator[None]:
    """Let one process say what is wrong, where `torchrun` has started several; the others end with the same code."""
    try:
        yield
    except OfaExportError as error:
        if os.environ.get("RANK", "0") != "0":
            raise typer.Exit(error.exit_code) from None
        raise
