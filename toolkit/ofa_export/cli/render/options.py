"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ofa_export.support.resources import shipped

SAMPLE_CHECKPOINT = shipped("artifacts", "sample")

CheckpointArgument = Annotated[
    Path,
    typer.Argument(
        metavar="CHECKPOINT", show_default=False, help="Checkpoint folder; without one, the sample checkpoint."
    ),
]
BundleArgument = Annotated[Path, typer.Argument(metavar="BUNDLE", help="Bundle file, NAME.ofab.")]
BudgetOption = Annotated[
    str, typer.Option("--budget", metavar="SIZE", help="Most bytes of a whole file: 4MB, 4MiB, 512KB or 1500000.")
]
RuntimeOption = Annotated[
    str | None,
    typer.Option(
        "--runtime", metavar="NAME", help="litert, executorch or both; default: both, or the converter's own."
    ),
]
ConverterOption = Annotated[
    str | None,
    typer.Option("--converter", metavar="NAME", help="Another than the runtime's first: onnx2tf, for litert."),
]
GroupOption = Annotated[str, typer.Option("--group", metavar="G", help="User group: a number from 0, or all.")]
RecipeOption = Annotated[
    str,
    typer.Option("--recipe", metavar="NAME|FILE", help="Bundle recipe: auto, int8, mixed, int4, fp32, or FILE.yaml."),
]
ItemsOption = Annotated[
    str | None,
    typer.Option(
        "--items",
        metavar="all|prune-tail",
        help="prune-tail keeps the items that are worth most; default: the recipe's.",
    ),
]
RamOption = Annotated[
    str | None, typer.Option("--ram-budget", metavar="SIZE", help="Most memory of a session, measured here: 16MB.")
]
LatencyOption = Annotated[
    float | None, typer.Option("--max-latency-ms", metavar="MS", help="Longest session, the median measured here.")
]
OutputOption = Annotated[Path, typer.Option("-o", "--output", metavar="PATH", help="The file to write.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace an existing output.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def _column_option(what: str) -> Any:
    """Return the option that names the column of a user, an item or a time."""
    return typer.Option(
        f"--{what}-column",
        metavar="NAME|N",
        show_default=False,
        help=f"Column of the {what}, if not recognised; or its number.",
    )


UserColumnOption = Annotated[str | None, _column_option("user")]
ItemColumnOption = Annotated[str | None, _column_option("item")]
TimeColumnOption = Annotated[str | None, _column_option("time")]
TitleColumnOption = Annotated[
    str | None,
    typer.Option(
        "--title-column", metavar="NAME|N", show_default=False, help="Column of the title, if not recognised."
    ),
]


def named_columns(
    *, user: str | None = None, item: str | None = None, time: str | None = None, title: str | None = None
) -> dict[str, str]:
    """Return our name of a column -> its name in the files, for those that options name.

    Args:
        user: value of --user-column.
        item: value of --item-column.
        time: value of --time-column.
        title: value of --title-column.
    """
    named = {"user_id": user, "item_id": item, "timestamp": time, "title": title}
    return {role: name for role, name in named.items() if name is not None}


def examples(*lines: str) -> str:
    """Write the epilog of a command's help: examples that run as they stand.

    Args:
        lines: one command each, short enough for a terminal of 80 columns.
    """
    # The backspace tells the help formatter not to join and wrap the lines after it.
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
