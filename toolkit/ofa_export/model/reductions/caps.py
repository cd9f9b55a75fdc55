"""Smaller networks out of one: fewer columns of the generated weights, fewer blocks (our choice)."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from ofa_export.errors import ConfigError
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import Adaptation, AdaptiveRecommender


def with_rank(model: AdaptiveRecommender, rank: int) -> AdaptiveRecommender:
    """Return the network that keeps the first columns of every U and V, and generates no others.

    Args:
        model: of rank r; left as it is.
        rank: columns that stay, 1 to r.

    Returns:
        A network of its own, in evaluation mode: the same as `model` with the other columns of U set to zero.

    Raises:
        ConfigError: the network has no such rank.
    """
    if not 1 <= rank <= model.config.rank:
        raise ConfigError(f"There is no rank {rank} in a network of rank {model.config.rank}: ask for 1 to that many.")
    kept = model.layout.columns < rank

    def cut(name: str, value: Tensor) -> Tensor:
        if name.endswith(".basis.weight"):
            return value[:rank]
        return value[kept] if name.startswith("mapper.generators.") and ".out." in name else value

    return _network(
        model.config.model_copy(update={"rank": rank}),
        {name: cut(name, value) for name, value in model.state_dict().items()},
    )


def at_ranks(model: AdaptiveRecommender, adaptation: Adaptation, ranks: Int[Tensor, " B"]) -> Adaptation:
    """Return each user's adaptation at a rank of their own: what `with_rank` computes, for training and for comparison.

    Args:
        model: whose adaptation it is.
        adaptation: of B users.
        ranks: int64 [B], columns of every U that stay; the others become zero.

    Returns:
        The same decisions with narrower parameters.
    """
    kept = (model.layout.columns.to(ranks.device) < ranks[:, None]).to(adaptation.gates.dtype)
    thetas = tuple(theta * kept for theta in adaptation.thetas)
    return Adaptation(keep_logits=adaptation.keep_logits, gates=adaptation.gates, thetas=thetas)


def with_depth_cap(model: AdaptiveRecommender, depth_cap: int) -> AdaptiveRecommender:
    """Return the network that executes at most so many blocks for a user, those the controller is surest of first.

    Args:
        model: of depth L; left as it is.
        depth_cap: m, 1 to L; of equally sure decisions the earlier block stays.

    Returns:
        A network of its own, in evaluation mode; its device graphs keep to the cap as well.

    Raises:
        ConfigError: the network has no such depth.
    """
    if not 1 <= depth_cap <= model.config.depth:
        raise ConfigError(
            f"A network of {model.config.depth} blocks cannot be capped at {depth_cap}: ask for 1 to that many."
        )
    return _network(model.config.model_copy(update={"depth_cap": depth_cap}), model.state_dict())


def copied(model: AdaptiveRecommender) -> AdaptiveRecommender:
    """Return a network of its own with the same weights, in evaluation mode."""
    return _network(model.config, {name: value.clone() for name, value in model.state_dict().items()})


def _network(config: ModelConfig, weights: dict[str, Tensor]) -> AdaptiveRecommender:
    # The weights that a new network draws are thrown away; nobody else's random numbers may change for them.
    with torch.random.fork_rng(devices=[]):
        made = AdaptiveRecommender(config)
    made.load_state_dict(weights)
    return made.eval().requires_grad_(False)
