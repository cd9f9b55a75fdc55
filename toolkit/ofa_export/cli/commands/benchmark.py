"""`ofa-export benchmark`: what bundles cost on this computer, beside what people would ship without them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.render.options import SAMPLE_CHECKPOINT, JsonOption, examples
from ofa_export.cli.render.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export benchmark sample-4MB-litert.ofab",
    "ofa-export benchmark sample-4MB-executorch.ofab --target android",
    "ofa-export benchmark sample-4MB-litert.ofab --repeats 200 --json",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="benchmark", epilog=EPILOG)(benchmark)


@reports_errors
def benchmark(
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE", help="Bundle files, or patterns in quotes.")],
    checkpoint: Annotated[
        Path,
        typer.Option(
            "--checkpoint", metavar="FOLDER", help="What they were made from; default: the sample.", show_default=False
        ),
    ] = SAMPLE_CHECKPOINT,
    target: Annotated[
        str, typer.Option("--target", metavar="NAME", help="Where the graphs run: host or android.")
    ] = "host",
    repeats: Annotated[
        int, typer.Option("--repeats", metavar="N", help="Sessions of each way to rank that are timed.")
    ] = 50,
    json_output: JsonOption = False,
) -> None:
    """Measure latency and memory beside the plain static net."""
    from ofa_export.api import converter_extras
    from ofa_export.cli.render.bundle_paths import bundle_paths
    from ofa_export.support.extras import CHECKPOINT, require

    paths = bundle_paths(bundles)
    require(*converter_extras(paths), by="The command benchmark")
    require("train", by="The command benchmark", only=CHECKPOINT)
    from ofa_export.benchmark.latency import check_repeats
    from ofa_export.benchmark.protocol import check_target
    from ofa_export.cli.given import check_checkpoints

    check_repeats(repeats)
    check_target(target)
    check_checkpoints(checkpoint)
    from ofa_export.benchmark.benchmark import benchmark as measure
    from ofa_export.cli.render.benchmark_view import benchmark_json, print_benchmark
    from ofa_export.cli.render.progress import spinner
    from ofa_export.support.content_cache import ContentCache

    with spinner("Converting the static net and measuring"):
        found = measure(paths, checkpoint, target=target, repeats=repeats, store=ContentCache())
    if json_output:
        print_json(benchmark_json(found))
    else:
        print_benchmark(found)
