"""`ofa-export evaluate`: how good checkpoints are, beside everything that they have to beat."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.render.options import (
    SAMPLE_CHECKPOINT,
    ForceOption,
    ItemColumnOption,
    JsonOption,
    TimeColumnOption,
    UserColumnOption,
    examples,
    named_columns,
)
from ofa_export.cli.render.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export evaluate --controls",
    "ofa-export evaluate checkpoint --interactions shop.csv --json",
    "ofa-export evaluate seed-0 seed-1 seed-2 --split test --html test.html",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="evaluate", epilog=EPILOG)(evaluate)


@reports_errors
def evaluate(
    checkpoints: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CHECKPOINT",
            show_default=False,
            help="Checkpoint folders: seeds of one recipe; without one, the sample checkpoint.",
        ),
    ] = None,
    interactions: Annotated[
        str | None,
        typer.Option(
            "--interactions", metavar="FILE", show_default=False, help="What they were trained on, if not a sample."
        ),
    ] = None,
    user_column: UserColumnOption = None,
    item_column: ItemColumnOption = None,
    time_column: TimeColumnOption = None,
    split: Annotated[
        str, typer.Option("--split", metavar="NAME", help="Held-out items: validation, or test (once, at the end).")
    ] = "validation",
    controls: Annotated[
        bool, typer.Option("--controls", help="Also train nets to compare with, and fine-tune per user (slow, cached).")
    ] = False,
    tables: Annotated[
        bool, typer.Option("--tables", help="Also --controls, and other ways to make the item table small (slower).")
    ] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the report as one page.")] = None,
    force: ForceOption = False,
    json_output: JsonOption = False,
) -> None:
    """Rank held-out items with a checkpoint and what it has to beat."""
    from ofa_export.support.extras import REPORT, require

    require("train", *([REPORT] if html else []), by="The command evaluate")
    from ofa_export.cli.given import check_checkpoints, check_interactions
    from ofa_export.data.data_recipe import check_split
    from ofa_export.support.atomic import atomic_write
    from ofa_export.support.output import check_apart, check_outputs

    check_apart((html,), (interactions,))
    check_outputs((html,), force=force)
    check_split(split)
    check_checkpoints(*checkpoints or ())
    columns = named_columns(user=user_column, item=item_column, time=time_column)
    check_interactions(interactions, columns=columns, wanted=tuple(columns))
    from ofa_export.api import evaluate as evaluate_one
    from ofa_export.cli.render.console import print_out
    from ofa_export.cli.render.evaluation_view import evaluation_lines
    from ofa_export.cli.render.progress import TrainingBars
    from ofa_export.evaluation.evaluation_report import evaluation_html, evaluation_json

    with TrainingBars() as bars:
        evaluations = [
            evaluate_one(
                path,
                interactions=interactions,
                columns=columns,
                split=split,  # type: ignore[arg-type]  # checked there
                controls=controls,
                tables=tables,
                progress=bars,
            )
            for path in checkpoints or [SAMPLE_CHECKPOINT]
        ]
    if not json_output:
        # Before the page: whatever becomes of that, half an hour of measuring is not lost.
        print_out(*evaluation_lines(evaluations))
    if html is not None:
        with atomic_write(html, replace=force) as file:
            file.write(evaluation_html(evaluations).encode())
    if json_output:
        print_json(evaluation_json(evaluations))
