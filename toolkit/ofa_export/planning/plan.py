"""The plan: which tiles a budget buys, where each byte goes, and what other budgets would give."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.writer import BundleContents, bundle_bytes, fit_tiles, smallest_budget, write_bundle
from ofa_export.errors import BudgetError, ConfigError
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.kept_quality import KeptQuality


@dataclass(frozen=True, kw_only=True)
class Part:
    """One entry of the bundle and its size in bytes; `overhead` is the archive's own."""

    name: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Point:
    """A measured alternative: the smallest budget that holds these tiles, and the NDCG@10 they give."""

    tiles: int
    budget_bytes: int
    ndcg_at_10: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Description of a bundle before it is made.

    Args:
        contents: everything that goes in, with all tiles.
        recipe: the resolved recipe, its tiles filled in: executing it gives the same bytes.
        budget: bytes that the file must not exceed.
        tiles: embedding tiles that are kept.
        parts: where each byte goes.
        alternatives: measured points, fewest bytes first.
        trained_ndcg: NDCG@10 of the checkpoint; with its unquantised table where it is not recorded.
    """

    contents: BundleContents
    recipe: BundleRecipe
    budget: int
    tiles: int
    parts: tuple[Part, ...]
    alternatives: tuple[Point, ...]
    trained_ndcg: float

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return sum(part.bytes for part in self.parts)

    @property
    def binds(self) -> bool:
        """True if more budget would buy more tiles."""
        return self.tiles < self.contents.table.tile_count

    def write(self, path: Path | str, *, force: bool = False) -> Bundle:
        """Write the bundle.

        Args:
            path: the file.
            force: whether an existing file may be replaced.

        Returns:
            The bundle, open.

        Raises:
            OutputError: the file cannot be written.
        """
        write_bundle(Path(path), self.contents, tiles=self.tiles, budget=self.budget, force=force)
        return Bundle.open(path)

    def recipe_yaml(self) -> str:
        """Return the resolved recipe as a file that `bundle --recipe` executes to the same bytes."""
        return yaml.safe_dump(self.recipe.plain(), sort_keys=False, width=1000)

    @property
    def kept(self) -> KeptQuality:
        """Quality beside the checkpoint's own."""
        expected = self.ndcg_at_10
        return KeptQuality(
            bundle=None if expected is None else float(expected),
            checkpoint=self.trained_ndcg,
            exact=any(point.tiles == self.tiles for point in self.alternatives),
        )

    @property
    def ndcg_at_10(self) -> str | None:
        """Quality of the largest measured prefix that is kept whole: what to expect at least."""
        return self.contents.fields.quality.ndcg_at_10.expected(self.tiles)


def make_plan(
    contents: BundleContents, *, recipe: BundleRecipe, budget: int, trained_ndcg: float | None = None
) -> Plan:
    """Spend a budget: everything but the tiles is given, all other bytes go to tiles in order.

    Args:
        contents: the complete bundle of the chosen configuration.
        recipe: its recipe; `tiles` fixes the number of tiles, None keeps as many as fit.
        budget: size of the whole file, in bytes.
        trained_ndcg: NDCG@10 of the checkpoint; None for that with the unquantised table.

    Returns:
        The plan.

    Raises:
        BudgetError: the budget does not hold the smallest bundle, or not the recipe's tiles.
        ConfigError: the recipe's tiles are not among those of the table.
    """
    tiles = recipe.tiles
    if tiles is None:
        tiles = fit_tiles(contents, budget)
    else:
        _check_recipe_tiles(contents, tiles, budget)
        if fit_tiles(contents, budget) > tiles:
            contents = with_recorded_tiles(contents, recipe, budget)
    sizes = contents.sizes(tiles)
    total = bundle_bytes(contents, tiles=tiles, budget=budget)
    parts = [Part(name=name, bytes=size) for name, size in sizes]
    overhead = Part(name="manifest and archive", bytes=total - sum(size for _, size in sizes))
    return Plan(
        contents=contents,
        recipe=recipe.model_copy(update={"tiles": tiles}),
        budget=budget,
        tiles=tiles,
        parts=(*parts, overhead),
        alternatives=tuple(
            Point(tiles=each.tiles, budget_bytes=smallest_budget(contents, each.tiles), ndcg_at_10=each.ndcg_at_10)
            for each in contents.fields.quality.ndcg_at_10.by_tiles
        ),
        trained_ndcg=float(contents.fields.quality.ndcg_at_10.full_table) if trained_ndcg is None else trained_ndcg,
    )


def with_recorded_tiles(contents: BundleContents, recipe: BundleRecipe, budget: int) -> BundleContents:
    """Let the manifest say that the recipe fixes the tiles, without which it would look as if some were lost.

    Args:
        contents: of a bundle whose budget holds more tiles than the recipe asks for.
        recipe: with its tiles.
        budget: size of the whole file, in bytes.

    Returns:
        The contents with the recipe so; as they are where tiles are so small that the budget holds another one, but
        not these words.
    """
    fields = contents.fields.model_copy(update={"recipe": recipe.manifest_text()})
    recorded = replace(contents, fields=fields)
    return recorded if smallest_budget(recorded, recipe.tiles or recorded.floor_tiles) <= budget else contents


def _check_recipe_tiles(contents: BundleContents, tiles: int, budget: int) -> None:
    floor, total = contents.floor_tiles, contents.table.tile_count
    if not floor <= tiles <= total:
        raise ConfigError(f"The recipe keeps {tiles} tiles; this table can keep {floor} to {total}. Correct `tiles`.")
    needed = smallest_budget(contents, tiles)
    if needed > budget:
        ways = [f"Use --budget {needed}, which holds the recipe's {tiles} tiles."]
        if smallest_budget(contents, floor) <= budget:
            fits = fit_tiles(contents, budget)
            ways.append(f"Set `tiles: {fits}` in the recipe, or leave `tiles` out: {fits} tiles fit this budget.")
        raise BudgetError(needed=needed, available=budget, ways_out=ways)
