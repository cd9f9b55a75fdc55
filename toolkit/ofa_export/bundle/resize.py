"""Resizing a bundle: the bundle of a smaller budget, made from a larger one by leaving tiles out at the end.

Everything but the tiles and the manifest is passed on byte for byte, and the tiles that stay are those that a plan from
the checkpoint would have chosen. So the result is the file that `bundle` writes for that budget with the same graphs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from ofa_export.bundle.writer import BundleContents, fit_tiles, smallest_budget
from ofa_export.errors import ConfigError


def resized_tiles(contents: BundleContents, budget: int) -> int:
    """Return the tiles that a bundle of these contents keeps at another budget.

    Args:
        contents: of an open bundle, see `contents_of`.
        budget: size of the whole file, in bytes.

    Returns:
        How many `bundle` would keep.

    Raises:
        BudgetError: not even the tiles that give every item group something fit.
        ConfigError: `bundle` would keep more tiles than these contents have.
    """
    complete, held = with_every_tile(contents), contents.table.tile_count
    tiles = fit_tiles(complete, budget, ways_out=lambda: _ways_out(complete, held))
    if tiles > held:
        raise ConfigError(*_going_up(complete, held, tiles, budget))
    return tiles


def with_every_tile(contents: BundleContents) -> BundleContents:
    """Return the contents as if no tile were missing; only sizes may be asked of them, which the tile order tells.

    Args:
        contents: of a bundle that may have left tiles out.
    """
    return replace(contents, table=replace(contents.table, tile_count=len(contents.table.order)))


def _serves(complete: BundleContents, held: int, budget: int) -> bool:
    """Tell whether the tiles at hand are enough for all that a budget, which holds the floor, would keep."""
    return fit_tiles(complete, budget) <= held


def _ways_out(complete: BundleContents, held: int) -> Iterator[str]:
    needed = smallest_budget(complete, complete.floor_tiles)
    rounded = math.ceil(needed / 1000)
    if _serves(complete, held, 1000 * rounded):
        yield f"Use --budget {rounded}KB, the smallest that works for this bundle."
    elif _serves(complete, held, needed):
        yield f"Use --budget {needed}, the smallest that works for this bundle."
    for each in complete.fields.quality.ndcg_at_10.by_tiles[1:]:
        useful = smallest_budget(complete, each.tiles)
        if each.tiles <= held and _serves(complete, held, useful):
            yield f"Use --budget {useful}: {each.tiles} tiles, NDCG@10 {each.ndcg_at_10}."
            break
    yield (
        "Make the bundle from a checkpoint with a smaller mapper (rank, depth or width in the train recipe), or with "
        f"graphs of lower precision: resizing keeps the graphs, here {len(complete.graphs):,} bytes."
    )


def _going_up(complete: BundleContents, held: int, tiles: int, budget: int) -> Iterator[str]:
    yield (
        f"Resizing takes tiles away and cannot add any: this bundle has {held} of {complete.table.tile_count}, "
        f"and a budget of {budget:,} bytes would keep {tiles}."
    )
    ways = [
        f"Make the larger bundle from the checkpoint: ofa-export bundle CHECKPOINT --budget {budget}.",
        "Get a delta from where the larger bundle is (ofa-export delta A B -o D) and apply it to this one: "
        "ofa-export patch A D -o B.",
    ]
    largest = smallest_budget(complete, held + 1) - 1
    if largest >= smallest_budget(complete, complete.floor_tiles):
        ways.insert(0, f"Use --budget {largest}, the largest that these {held} tiles serve, or a smaller one.")
    for number, way in enumerate(ways, start=1):
        yield f"{number}. {way}"
