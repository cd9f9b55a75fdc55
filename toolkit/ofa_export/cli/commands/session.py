"""`ofa-export session`: embeddings of some items, for one session of a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.render.options import (
    SAMPLE_CHECKPOINT,
    ForceOption,
    ItemColumnOption,
    JsonOption,
    OutputOption,
    examples,
    named_columns,
)
from ofa_export.cli.render.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export session --items items.csv -o session.ofas",
    "ofa-export session --items items.txt --for sample-1MB.ofab -o new.ofas",
    "ofa-export session --items a.csv --checkpoint c --group 1 -o a.ofas --json",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="session", epilog=EPILOG)(session)


@reports_errors
def session(
    items: Annotated[
        Path, typer.Option("--items", metavar="FILE", help="File with a column of items, or .txt, a key per line.")
    ],
    output: OutputOption,
    checkpoint: Annotated[
        Path,
        typer.Option(
            "--checkpoint", metavar="FOLDER", help="Where the embeddings are; default: the sample.", show_default=False
        ),
    ] = SAMPLE_CHECKPOINT,
    group: Annotated[
        int | None,
        typer.Option("--group", metavar="G", min=0, help="User group; default: that of --for, or 0."),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option("--for", metavar="BUNDLE", help="Leave out what this bundle holds with every bit plane."),
    ] = None,
    item_column: ItemColumnOption = None,
    force: ForceOption = False,
    json_output: JsonOption = False,
) -> None:
    """Write embeddings of items that a phone lacks, for one session."""
    from contextlib import nullcontext

    from ofa_export.support.extras import CHECKPOINT, require

    require("train", by="The command session", only=CHECKPOINT)
    from ofa_export.bundle.envelope import read_bundle
    from ofa_export.cli.given import check_checkpoints
    from ofa_export.support.output import check_apart, check_output

    check_apart((output,), (bundle, items))
    check_output(output, force=force)
    check_checkpoints(checkpoint)
    if bundle is not None:
        read_bundle(bundle)
    from ofa_export.data.item_keys import read_item_keys

    keys = read_item_keys(items, columns=named_columns(item=item_column))
    from ofa_export.api import opened
    from ofa_export.bundle.archive import write_archive
    from ofa_export.bundle.reader import Bundle
    from ofa_export.cli.render.console import print_out
    from ofa_export.cli.render.results import session_json
    from ofa_export.cli.render.views import print_session
    from ofa_export.planning.make_session_pack import make_session_pack
    from ofa_export.support.atomic import atomic_write

    with Bundle.open(bundle) if bundle else nullcontext() as held:
        made = make_session_pack(opened(checkpoint), keys, group=group, bundle=held)
    with atomic_write(output, replace=force) as file:
        write_archive(file, made.pack.entries())
    pack, left_out = made.pack, made.left_out
    if json_output:
        print_json({**session_json(output, pack.bytes, pack.fields), "left_out": list(left_out)})
    else:
        print_session(str(output), pack.bytes, pack.fields)
        if left_out:
            print_out(
                "", f"Left out, already in {bundle} with every bit plane: {len(left_out):,} of {len(keys):,} items"
            )
