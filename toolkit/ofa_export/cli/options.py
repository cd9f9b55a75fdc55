"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ofa_export.resources import shipped

SAMPLE_CHECKPOINT = shipped("artifacts", "sample")

CheckpointArgument = Annotated[
    Path,
    typer.Argument(metavar="[CHECKPOINT]", show_default=False, help="Checkpoint folder; the sample one by default."),
]
BundleArgument = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle file, NAME.ofab.")]
BudgetOption = Annotated[
    str, typer.Option("--budget", metavar="SIZE", help="Bytes of the whole file: 4MB, 4MiB, 512KB or 1500000.")
]
GroupOption = Annotated[str, typer.Option("--group", metavar="G", help="User group, counted from 0, or all.")]
RecipeOption = Annotated[
    str, typer.Option("--recipe", metavar="NAME|FILE", help="Bundle recipe: int8, fp32, or a YAML file.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace an existing output.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def examples(*lines: str) -> str:
    """The epilog of a command's help: examples that run as they stand.

    Args:
        lines: one command each.
    """
    return "Examples:\n\n" + "\n\n".join(f"  {line}" for line in lines)
