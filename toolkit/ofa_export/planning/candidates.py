"""The graph configurations that a plan chooses from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from ofa_export.errors import ConfigError
from ofa_export.model.config import ModelConfig
from ofa_export.planning.recipe import BundleRecipe
from ofa_export.precision import Precision, Scheme


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One configuration of the graphs.

    Args:
        adaptation: whether controller and mapper go in.
        rank: columns of the generated weights; 0 without adaptation.
        depth_cap: blocks that a user's network has at most.
        precision: of the static weights.
    """

    adaptation: bool
    rank: int
    depth_cap: int
    precision: Precision

    def resolved(self, recipe: BundleRecipe) -> BundleRecipe:
        """The recipe with this candidate's choices in it."""
        chosen = {"rank": self.rank, "depth_cap": self.depth_cap} if self.adaptation else {}
        return recipe.model_copy(
            update={
                "adaptation": "required" if self.adaptation else "none",
                "rank": None,
                "depth_cap": None,
                **chosen,
                "precision": self.precision,
            }
        )


def candidates(recipe: BundleRecipe, config: ModelConfig, *, schemes: Sequence[Scheme]) -> tuple[Candidate, ...]:
    """Every configuration that the recipe allows, the one nearest to the trained network first.

    Args:
        recipe: what it does not leave to `auto` is fixed.
        config: sizes of the trained network.
        schemes: that the runtime loads.

    Raises:
        ConfigError: the network has no such rank or depth.
    """
    ranks = _ranks(config.rank) if recipe.rank == "auto" else (_within(recipe.rank, config.rank, "rank"),)
    caps = (
        range(config.depth, 0, -1)
        if recipe.depth_cap == "auto"
        else (_within(recipe.depth_cap, config.depth, "depth_cap"),)
    )
    precisions = _precisions(schemes) if recipe.precision == "auto" else (recipe.precision,)
    adapting = tuple(
        Candidate(adaptation=True, rank=rank, depth_cap=cap, precision=precision)
        for rank, cap, precision in product(ranks, caps, precisions)
    )
    static = tuple(
        Candidate(adaptation=False, rank=0, depth_cap=config.depth, precision=precision) for precision in precisions
    )
    return {"required": adapting, "none": static, "auto": adapting + static}[recipe.adaptation]


def _ranks(trained: int) -> tuple[int, ...]:
    """Each half of the one before: 8, 4, 2, 1."""
    found = [trained]
    while found[-1] > 1:
        found.append(found[-1] // 2)
    return tuple(found)


def _precisions(schemes: Sequence[Scheme]) -> tuple[Precision, ...]:
    """int8; the mapper, where most bytes are, in int4; all in int4."""
    if "int4" not in schemes:
        return (Precision(default="int8"),)
    return (
        Precision(default="int8"),
        Precision(default="int8", layers=(("adapt", "int4"),)),
        Precision(default="int4"),
    )


def _within(given: object, most: int, name: str) -> int:
    if given is None:
        return most
    if not isinstance(given, int) or not 1 <= given <= most:
        raise ConfigError(f"`{name}: {given}` is not in 1 to {most}, what the checkpoint has. Correct the recipe.")
    return given
