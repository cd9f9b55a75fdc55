"""Spread of every quantity of a validation over sound bundles, and the limit that follows from it by one rule.

python benchmarks/tolerance_spread.py docs/tolerance-spread.json --run toy-2:litert:int8:host …
python benchmarks/tolerance_spread.py docs/tolerance-spread.json

A run is MODEL:CONVERTER:PRECISION:TARGET; a model is `sample`, `golden` for the bundles of artifacts/golden as they
are, or `toy-SEED`, a small network with random weights. Runs are added to the file, one by one, and all of it is
printed. A conversion takes half a minute; those in the cache take none.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from tolerance_spread_check import Measured, derived_limit, quantity_of  # noqa: E402
from toys import random_model, save_checkpoint  # noqa: E402

from ofa_export.bundle.writer import write_bundle  # noqa: E402
from ofa_export.converters.registry import get_converter  # noqa: E402
from ofa_export.model.checkpoint import Checkpoint  # noqa: E402
from ofa_export.model.checkpoint_reader import load_checkpoint  # noqa: E402
from ofa_export.planning.bundle_recipe import BundleRecipe, SelfTestRecipe  # noqa: E402
from ofa_export.planning.complete_bundle import measured_complete_bundle  # noqa: E402
from ofa_export.precision import parse_precision  # noqa: E402
from ofa_export.support.atomic import atomic_write  # noqa: E402
from ofa_export.support.content_cache import ContentCache  # noqa: E402
from ofa_export.support.processes import one_torch_thread  # noqa: E402
from ofa_export.support.recipes import load_recipe  # noqa: E402
from ofa_export.validation.finding import Finding  # noqa: E402
from ofa_export.validation.tolerance import TolerancePolicy  # noqa: E402
from ofa_export.validation.validate import validate  # noqa: E402

ROOMY = 10**9


def checkpoint_of(model: str, folder: Path) -> Checkpoint:
    """Return the checkpoint that a name of a run means."""
    if model in ("sample", "golden"):
        return load_checkpoint(ROOT / "artifacts" / "sample")
    return load_checkpoint(save_checkpoint(folder / "toy", random_model(int(model.removeprefix("toy-")))))


def findings_of(run: str, store: ContentCache) -> tuple[Finding, ...]:
    """Bundle and validate a sound model."""
    model, converter, precision, runtime = run.split(":")
    with tempfile.TemporaryDirectory() as name, one_torch_thread():
        checkpoint = checkpoint_of(model, Path(name))
        policy = load_recipe("tolerance", "default", TolerancePolicy)
        if model == "golden":
            path = ROOT / "artifacts" / "golden" / f"sample-420KB-{converter}.ofab"
            return validate(path, checkpoint, tolerance=policy, store=store, runtime=runtime).findings
        recipe = BundleRecipe(
            description="spread",
            precision=parse_precision(precision),
            candidates=100 if model == "sample" else 25,
            selftest=SelfTestRecipe(),
        )
        contents = measured_complete_bundle(
            checkpoint, converter=get_converter(converter), group=0, recipe=recipe, store=store
        )
        path = Path(name) / "bundle.ofab"
        write_bundle(path, contents, tiles=contents.table.tile_count, budget=ROOMY)
        return validate(path, checkpoint, tolerance=policy, store=store, runtime=runtime).findings


def worst_of_each(findings: tuple[Finding, ...], precision: str) -> dict[str, float]:
    """Return the worst measured value of every quantity; exact agreement, which has no number, counts for nothing."""
    worst: dict[str, float] = {}
    for finding in findings:
        quantity = quantity_of(finding, precision)
        if quantity is None or finding.measured is None:
            continue
        choose = min if finding.bound == "at_least" else max
        worst[quantity] = choose(worst.get(quantity, finding.measured), finding.measured)
    return worst


def spread_rows(measured: Measured) -> list[str]:
    """Return a table in Markdown: the spread of every quantity over the runs, and the limit by the rule."""
    rows = ["| quantity | runs | min | median | max | limit by the rule |", "| --- | --- | --- | --- | --- | --- |"]
    for quantity in sorted({name for values in measured.values() for name in values}):
        values = [found[quantity] for found in measured.values() if quantity in found]
        spread = (min(values), statistics.median(values), max(values))
        texts = " | ".join(f"{number:.3g}" for number in spread)
        rows.append(f"| `{quantity}` | {len(values)} | {texts} | {derived_limit(quantity, values):g} |")
    return rows


def main() -> None:
    """Measure what is asked for, and print what the file holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--run", action="append", default=[])
    arguments = parser.parse_args()
    measured: Measured = json.loads(arguments.file.read_text()) if arguments.file.exists() else {}
    for run in arguments.run:
        findings = findings_of(run, ContentCache())
        measured[run] = worst_of_each(findings, run.split(":")[2])
        with atomic_write(arguments.file) as stream:
            stream.write((json.dumps(dict(sorted(measured.items())), indent=1, sort_keys=True) + "\n").encode())
        beyond = [found.assertion for found in findings if found.status == "fail"]
        print(f"{run}: {', '.join(beyond) or 'passes'}", flush=True)
    print("\n".join(spread_rows(measured)))


if __name__ == "__main__":
    main()
