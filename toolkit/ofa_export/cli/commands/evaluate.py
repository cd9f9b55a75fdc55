"""`ofa-export evaluate`: how good checkpoints are, beside everything that they have to beat."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.render.options import SAMPLE_CHECKPOINT, ForceOption, JsonOption, examples
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
    from ofa_export.errors import UnknownNameError
    from ofa_export.support.output import atomic_write, check_output

    if split not in ("validation", "test"):
        raise UnknownNameError("split", split, ("validation", "test"))
    if html is not None:
        check_output(html, force=force)

    from ofa_export.cli.render.evaluation_view import evaluation_text
    from ofa_export.cli.render.progress import TrainingBars
    from ofa_export.evaluation.controls import ControlRuns
    from ofa_export.evaluation.evaluate import evaluate as evaluate_one
    from ofa_export.evaluation.html_report import evaluation_html
    from ofa_export.evaluation.json_report import evaluation_json
    from ofa_export.evaluation.subject import open_subject
    from ofa_export.model.checkpoint_reader import load_checkpoint
    from ofa_export.support.content_cache import ContentCache

    evaluations, store = [], ContentCache()
    with TrainingBars() as bars:
        for path in checkpoints or [SAMPLE_CHECKPOINT]:
            subject = open_subject(load_checkpoint(path), interactions=interactions)
            runs = ControlRuns(subject=subject, store=store, progress=bars) if controls or tables else None
            evaluations.append(
                evaluate_one(subject, split=split, runs=runs, with_tables=tables, progress=bars.progress)  # type: ignore[arg-type]
            )
    if html is not None:
        with atomic_write(html) as file:
            file.write(evaluation_html(evaluations).encode())
    if json_output:
        print_json(evaluation_json(evaluations))
    else:
        print(evaluation_text(evaluations))
