"""The graph configurations that a plan chooses from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import product
from typing import Literal

from ofa_export.errors import ConfigError
from ofa_export.model.config import ModelConfig
from ofa_export.planning.bundle_recipe import BundleRecipe, OpenRecipe
from ofa_export.planning.quality_curve import QualityCurve
from ofa_export.precision import INT4, INT8, Precision, Scheme
from ofa_export.support.frozen_model import FrozenModel

INT4_GENERATORS = Precision(default="int8", layers=(("adapt.mapper.generators", "int4"),))
"""They hold most of the weights and are the least sensitive (docs/precision.md)."""

INT4_BUT_CONTROLLER = Precision(default="int4", layers=(("adapt.controller", "int8"),))
"""Int4 in the structure controller turns gates that are nearly undecided."""


FEWEST_ITEMS = 16
"""Pruning the tail stops before this: a list of ten out of fewer is no recommendation."""


class Configuration(FrozenModel):
    """One configuration of the graphs.

    Args:
        adaptation: whether controller and mapper go in.
        rank: columns of the generated weights; None is what was trained.
        depth_cap: blocks that a user's network has at most; None is what was trained.
        precision: of the static weights.
        items: the most popular ones that go in; None is all.
    """

    adaptation: bool = True
    rank: int | None = None
    depth_cap: int | None = None
    precision: Precision
    items: int | None = None

    @property
    def text(self) -> str:
        """In words: `rank 4, at most 1 block, int8,adapt=int4`."""
        items = "" if self.items is None else f"{self.items:,} items, "
        if not self.adaptation:
            return f"{items}no adaptation, {self.precision.text}"
        rank = "full rank" if self.rank is None else f"rank {self.rank}"
        blocks = "" if self.depth_cap is None else f"at most {self.depth_cap} block{'s' * (self.depth_cap > 1)}, "
        return f"{items}{rank}, {blocks}{self.precision.text}"

    def resolved(self, recipe: BundleRecipe | OpenRecipe) -> BundleRecipe:
        """Return the recipe with this configuration's choices in it."""
        return recipe.resolved(
            adaptation="required" if self.adaptation else "none",
            rank=self.rank,
            depth_cap=self.depth_cap,
            precision=self.precision,
            items=self.items,
        )


def configuration_of(recipe: BundleRecipe) -> Configuration:
    """Return the configuration that a resolved recipe names."""
    return Configuration(
        adaptation=recipe.adaptation == "required",
        rank=recipe.rank,
        depth_cap=recipe.depth_cap,
        precision=recipe.precision,
        items=recipe.items,
    )


def configurations(recipe: OpenRecipe, sizes: ModelConfig, *, schemes: Collection[Scheme]) -> tuple[Configuration, ...]:
    """Return every configuration that the recipe allows, the one nearest to the trained network first.

    Args:
        recipe: what it does not leave to `auto` is fixed.
        sizes: of the trained network.
        schemes: that the runtime loads.

    Raises:
        ConfigError: the network has no such rank or depth.
    """
    _check(recipe, {"rank": sizes.rank, "depth_cap": sizes.depth, "items": sizes.items})
    ranks, caps = _smaller(recipe.rank, sizes.rank), _smaller(recipe.depth_cap, sizes.depth)
    precisions = _precisions(schemes) if recipe.precision == "auto" else (recipe.precision,)
    adapting = [
        Configuration(rank=rank, depth_cap=cap, precision=precision)
        for precision, rank, cap in product(precisions, ranks, caps)
    ]
    plain = _static_precisions(schemes) if recipe.precision == "auto" else precisions
    static = [Configuration(adaptation=False, precision=precision) for precision in plain]
    chosen = {"required": adapting, "none": static, "auto": adapting + static}[recipe.adaptation]
    return tuple(
        configuration.model_copy(update={"items": items})
        for items in item_counts(recipe.items, sizes)
        for configuration in chosen
    )


def _precisions(schemes: Collection[Scheme]) -> tuple[Precision, ...]:
    return (INT8, INT4_GENERATORS, INT4_BUT_CONTROLLER) if "int4" in schemes else (INT8,)


def _static_precisions(schemes: Collection[Scheme]) -> tuple[Precision, ...]:
    """Without controller and generators there is nothing to except."""
    return (INT8, INT4) if "int4" in schemes else (INT8,)


def _check(recipe: OpenRecipe, trained: Mapping[str, int]) -> None:
    """Refuse what the network does not have, all of it in one error."""
    given = {name: getattr(recipe, name) for name in trained}
    mistakes = [
        f"`{name}: {value}` is more than the checkpoint has: {trained[name]}."
        for name, value in given.items()
        if isinstance(value, int) and value > trained[name]
    ]
    if mistakes:
        raise ConfigError(" ".join([*mistakes, "Correct the recipe."]))


def item_counts(given: int | Literal["prune-tail"] | None, sizes: ModelConfig) -> tuple[int | None, ...]:
    """Numbers of items that a recipe allows: None, all; to prune the tail also half of them, half of these, and so on.

    Args:
        given: what the recipe says.
        sizes: of the trained network.
    """
    if given != "prune-tail":
        return (None if given == sizes.items else given,)
    found: list[int | None] = [None]
    items = sizes.items // 2
    while items >= max(sizes.item_groups, FEWEST_ITEMS):
        found.append(items)
        items //= 2
    return tuple(found)


def _smaller(given: int | Literal["auto"] | None, trained: int) -> tuple[int | None, ...]:
    """None, what was trained; for auto also each half of the one before: 8, 4, 2, 1."""
    if given == "auto":
        found: list[int | None] = [None]
        size = trained // 2
        while size:
            found.append(size)
            size //= 2
        return tuple(found)
    return (None if given == trained else given,)


class MeasuredPoint(FrozenModel):
    """A prefix of the tiles.

    Args:
        tiles: how many.
        fixed_bytes: of the entries besides graphs, manifest and card, with these tiles.
        ndcg: NDCG@10 of the reference rounded as the device rounds, on the checkpoint's validation histories.
        planned_ndcg: the same, made to rise with the tiles: where it falls, the mean of what falls counts.
    """

    tiles: int
    fixed_bytes: int
    ndcg: float
    planned_ndcg: float


class MeasuredConfiguration(FrozenModel):
    """A configuration and what it is worth.

    Args:
        configuration: which configuration.
        weights: bytes of the weights of its graphs by part of the network; their files are larger.
        macs: multiply-accumulates of `adapt` and the blocks executed on average.
        points: fewest tiles first, at least one.
        full_table_ndcg: NDCG@10 with the unquantised table.
        users: people whose validation histories it was measured on; 0 where the checkpoint keeps nobody's.
    """

    configuration: Configuration
    weights: dict[str, int]
    macs: float
    points: tuple[MeasuredPoint, ...]
    full_table_ndcg: float
    users: int

    @property
    def curve(self) -> QualityCurve:
        """Quality at every measured prefix."""
        return QualityCurve(
            full_table=self.full_table_ndcg,
            by_tiles=tuple((point.tiles, point.ndcg) for point in self.points),
            users=self.users,
        )

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights."""
        return sum(self.weights.values())

    def bytes_at_least(self, point: MeasuredPoint) -> int:
        """Return a lower bound on the bytes of a bundle with these graphs and tiles."""
        return self.weight_bytes + point.fixed_bytes


def rising(values: list[float]) -> list[float]:
    """Return the nearest sequence that never falls, in least squares (pool adjacent violators)."""
    pools: list[list[float]] = []
    for value in values:
        pools.append([value])
        while len(pools) > 1 and sum(pools[-2]) / len(pools[-2]) > sum(pools[-1]) / len(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    return [sum(pool) / len(pool) for pool in pools for _ in pool]
