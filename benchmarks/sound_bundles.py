"""Random small networks, each bundled and validated: a sound bundle must not fail.

    python benchmarks/sound_bundles.py 0-99

A seed decides everything: widths, depths, ranks, groups, backbone, a mapper that was trained, never trained or has
equal generators, precision, runtime, items, rank, depth cap and tiles of the recipe. One line per seed, then a count;
exit code 1 if any fails. Conversions take 5 to 60 s; those in the cache take none.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from toys import random_model, save_checkpoint  # noqa: E402

from ofa_export.bundle.writer import smallest_budget  # noqa: E402
from ofa_export.converters.registry import get_converter  # noqa: E402
from ofa_export.errors import OfaExportError  # noqa: E402
from ofa_export.model.checkpoint_reader import load_checkpoint  # noqa: E402
from ofa_export.model.config import BackboneName, ModelConfig  # noqa: E402
from ofa_export.model.network import AdaptiveRecommender  # noqa: E402
from ofa_export.planning.bundle_recipe import BundleRecipe, SelfTestRecipe  # noqa: E402
from ofa_export.planning.complete_bundle import measured_complete_bundle  # noqa: E402
from ofa_export.planning.item_selection import ItemSelection  # noqa: E402
from ofa_export.planning.plan import make_plan  # noqa: E402
from ofa_export.planning.precision_cost import measure_precision_cost  # noqa: E402
from ofa_export.precision import INT4, Precision, parse_precision  # noqa: E402
from ofa_export.support.content_cache import ContentCache  # noqa: E402
from ofa_export.support.processes import one_torch_thread  # noqa: E402
from ofa_export.validation.finding import Finding  # noqa: E402
from ofa_export.validation.validate import validate  # noqa: E402

BACKBONES = ("transformer", *get_args(BackboneName))
PRECISIONS = ("fp32", "int8", "int8", "int4", "int4", "int4,adapt.controller=int8", "int8,adapt.mapper.generators=int4")
MAPPERS = ("trained", "trained", "untrained", "equal")


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One network and how it is bundled.

    Args:
        config: sizes.
        mapper: one of `MAPPERS`.
        runtime: name of the converter.
        recipe: without tiles.
        tiles: share of the tiles that the budget holds.
    """

    config: ModelConfig
    mapper: str
    runtime: str
    recipe: BundleRecipe
    tiles: float


def drawn(seed: int) -> Drawn:
    """Draw a network and a recipe."""
    rng = np.random.default_rng(seed)

    def one_of(*values: object) -> object:
        return values[int(rng.integers(len(values)))]

    width, depth, items = one_of(8, 16, 16, 32), int(rng.integers(1, 4)), int(rng.integers(30, 81))
    config = ModelConfig.model_validate(
        {
            "items": items,
            "width": width,
            "depth": depth,
            "heads": one_of(1, 2),
            "history_length": one_of(4, 8, 11),
            "rank": int(rng.integers(1, 5)),
            "item_groups": int(rng.integers(1, 5)),
            "user_groups": one_of(1, 1, 2),
            "backbone": one_of(*BACKBONES),
        }
    )
    precision = parse_precision(str(one_of(*PRECISIONS)))
    adaptation = one_of("required", "required", "required", "none")
    if adaptation == "none" and precision.layers:
        precision = INT4
    recipe = BundleRecipe.model_validate(
        {
            "description": f"seed {seed}",
            "precision": precision,
            "adaptation": adaptation,
            "rank": one_of(None, None, 1) if adaptation == "required" else None,
            "depth_cap": one_of(None, None, 1) if adaptation == "required" else None,
            "items": one_of(None, None, items // 2),
            "candidates": one_of(16, 25, 60),
            "selftest": SelfTestRecipe(),
        }
    )
    mapper, runtime = one_of(*MAPPERS), one_of("litert", "litert", "executorch")
    return Drawn(
        config=config, mapper=str(mapper), runtime=str(runtime), recipe=recipe, tiles=float(rng.uniform(0.2, 1.0))
    )


def network(seed: int, case: Drawn) -> AdaptiveRecommender:
    """Draw the weights."""
    model = random_model(seed, case.config)
    with torch.no_grad():
        for generator in model.mapper.generators:
            if case.mapper == "untrained":
                generator.out.weight.zero_()
                generator.out.bias.zero_()
            elif case.mapper == "equal":
                generator.load_state_dict(model.mapper.generators[0].state_dict())
    return model


def findings_of(seed: int, case: Drawn, *, store: ContentCache) -> tuple[tuple[Finding, ...], str | None]:
    """Bundle and validate one network; also what `plan` says that its precision costs beyond its promise."""
    with tempfile.TemporaryDirectory() as folder, one_torch_thread():
        checkpoint = load_checkpoint(save_checkpoint(Path(folder) / "toy", network(seed, case)))
        contents = measured_complete_bundle(
            checkpoint,
            converter=get_converter(case.runtime),
            group=case.config.user_groups - 1,
            recipe=case.recipe,
            store=store,
        )
        tiles = max(contents.floor_tiles, round(case.tiles * contents.table.tile_count))
        plan = make_plan(contents, recipe=case.recipe, budget=smallest_budget(contents, tiles))
        plan.write(Path(folder) / "toy.ofab").close()
        cost = measure_precision_cost(
            ItemSelection(checkpoint, group=case.config.user_groups - 1, items=case.recipe.items),
            converter=get_converter(case.runtime),
            recipe=case.recipe,
        )
        return validate(Path(folder) / "toy.ofab", checkpoint, store=store).findings, cost.text(case.recipe)


def false_alarms(findings: tuple[Finding, ...], cost: str | None) -> list[str]:
    """Name what failed, but for a self-test of which `plan` says beforehand that phones will refuse it."""
    foretold = cost is not None and "phones will refuse" in cost
    return [
        each.assertion for each in findings if each.status == "fail" and not (foretold and each.group == "selftest")
    ]


def line(seed: int, case: Drawn, findings: tuple[Finding, ...]) -> str:
    """Describe one network and what was found."""
    config, recipe = case.config, case.recipe
    beyond = [f"{each.status} {each.assertion} {each.measured:.3g}" for each in findings if each.status != "pass"]
    names = ("adaptation", "rank", "depth_cap", "items")
    cut = [f"{name} {value}" for name in names if (value := getattr(recipe, name)) and value != "required"]
    return (
        f"{seed:3} {case.runtime:10} {text(recipe.precision):14} {config.backbone:24} d={config.width} "
        f"L={config.depth} r={config.rank} G={config.user_groups} {case.mapper:9} {', '.join(cut)}: "
        f"{'; '.join(beyond) or 'passes'}"
    )


def text(precision: Precision) -> str:
    """Shorten a precision to what fits into a column."""
    return precision.text.replace("adapt.mapper.generators", "gen").replace("adapt.controller", "ctrl")


def seeds(given: str) -> Iterator[int]:
    """Read 0-9,12."""
    for part in given.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def main() -> None:
    """Bundle and validate the networks that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", help="for example 0-99 or 3,17")
    failed, warned, store = [], [], ContentCache()
    for seed in seeds(parser.parse_args().seeds):
        case = drawn(seed)
        try:
            findings, cost = findings_of(seed, case, store=store)
        except OfaExportError as error:
            failed.append(seed)
            print(f"{seed:3} {case.runtime} {text(case.recipe.precision)} {case.mapper}: {error}", flush=True)
            continue
        if false_alarms(findings, cost):
            failed.append(seed)
        elif any(each.status != "pass" for each in findings):
            warned.append(seed)
        print(line(seed, case, findings), flush=True)
    print(f"failed: {failed}; warned: {warned}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
