"""`ofa-export train`: interactions to a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.options import ForceOption, JsonOption, examples
from ofa_export.cli.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export train online-retail -o checkpoint --recipe base",
    "ofa-export train interactions.csv --titles items.csv -o mine --recipe ci --seed 1",
    "ofa-export train online-retail -o checkpoint --recipe base --resume",
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
            help="CSV or Parquet with user_id, item_id and timestamp, or a sample: online-retail, planted.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the checkpoint.")],
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="NAME|FILE", help="Train recipe: base, ci, planted, or a YAML file.")
    ] = "base",
    titles: Annotated[Path | None, typer.Option("--titles", help="CSV or Parquet with item_id and title.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of every random draw.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    force: ForceOption = False,
    json_output: JsonOption = False,
) -> None:
    """Train all stages: static, groups, weights, tiles, mapper, probes. A stopped run goes on with --resume."""
    from ofa_export.recipes import load_recipe
    from ofa_export.training.recipe import TrainRecipe

    resolved = load_recipe("train", recipe, TrainRecipe)

    from ofa_export.cli.progress import ERRORS, TrainingBars
    from ofa_export.data.sample import load_dataset
    from ofa_export.training.run import train as train_checkpoint

    data = load_dataset(interactions, titles=titles)
    for warning in data.warnings:
        ERRORS.print(f"Note: {warning}", highlight=False)
    with TrainingBars() as bars:
        made = train_checkpoint(data, resolved, output, seed=seed, resume=resume, force=force, progress=bars)
    measured = made.config.training["measured"]
    if json_output:
        print_json({"path": str(output), "items": made.config.model.items, "seed": seed, "measured": measured})
    else:
        from ofa_export.cli.views import print_trained

        print_trained(str(output), made.config)
