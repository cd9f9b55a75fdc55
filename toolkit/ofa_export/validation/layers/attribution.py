"""Attribution of a bundle's loss of NDCG@10: to the cut network, its tiles, its precision, and of that to layers.

Measured on all validation histories with the reference rounded as the device rounds: nothing is converted. A defect of
a conversion does not show here, but in the error of its layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import yaml

from ofa_export.precision import Precision, Scheme, is_part
from ofa_export.ranking.metrics import Interval

EVERYTHING = "everything"
"""Stands for all layers where a group of them is named."""

ENOUGH = 0.8
"""Share of what the precision costs that a recommendation has to bring back (our choice)."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """The cost of one step from the trained network to the bundle.

    Args:
        step: "cut" rank, depth and mapper as the recipe cuts them, with the full table; "tiles" the tiles of the bundle
            in place of the full table; "precision" the rounding of the layers, with those tiles.
        ndcg_at_10: after the step.
        cost: NDCG@10 before the step less after it, paired over users.
    """

    step: Literal["cut", "tiles", "precision"]
    ndcg_at_10: float
    cost: Interval


@dataclass(frozen=True, kw_only=True)
class LayerGain:
    """The gain when one layer, or a group of them, is kept at a higher precision.

    Args:
        layer: GRAPH.MODULE_PATH of a layer or of a group, or "everything".
        layers: linear layers that would change.
        scheme: that they would have.
        ndcg_at_10: with that.
        gain: NDCG@10 with that less that of the bundle's precision, paired over users.
        extra_bytes: of their weights.
    """

    layer: str
    layers: int
    scheme: Scheme
    ndcg_at_10: float
    gain: Interval
    extra_bytes: int


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """A bundle's loss of NDCG@10 by its causes.

    Args:
        trained_ndcg_at_10: of the network as it was trained, with its full table.
        losses: one step after the other; their costs add up to the whole loss.
        gains: of layers and groups, the largest gain first; empty where all are at full precision.
        verdict: what to do about it, in a sentence or two.
        recipe: the line of a bundle recipe that does it, such as `precision: {default: int4, layers: {…}}`; None where
            there is nothing to do.
    """

    trained_ndcg_at_10: float
    losses: tuple[Loss, ...]
    gains: tuple[LayerGain, ...]
    verdict: str
    recipe: str | None


def attribution(
    *, trained: float, losses: tuple[Loss, ...], gains: tuple[LayerGain, ...], precision: Precision
) -> Attribution:
    """Judge what was measured.

    Args:
        trained: NDCG@10 of the network as it was trained.
        losses: as `Attribution.losses`; the last is the precision's.
        gains: in any order.
        precision: of the bundle.
    """
    ordered = tuple(sorted(gains, key=lambda gain: (-gain.gain.mean, gain.extra_bytes, gain.layer)))
    *_, tiles, rounding = losses
    chosen = _worth_keeping(ordered, rounding.cost)
    line = None if chosen is None else precision_line(kept_at(precision, chosen.layer, chosen.scheme))
    return Attribution(
        trained_ndcg_at_10=trained,
        losses=losses,
        gains=ordered,
        verdict=f"{_of_precision(precision, rounding.cost, chosen, line)} {_of_tiles(tiles.cost)}",
        recipe=line,
    )


def kept_at(precision: Precision, layer: str, scheme: Scheme) -> Precision:
    """Put one layer or group of a precision to another scheme.

    Args:
        precision: of all.
        layer: its name, or `EVERYTHING`.
        scheme: that everything in it gets.
    """
    if layer == EVERYTHING:
        return Precision(default=scheme)
    others = tuple((name, given) for name, given in precision.layers if not is_part(name, layer))
    return Precision(default=precision.default, layers=(*others, (layer, scheme)))


def precision_line(precision: Precision) -> str:
    """Write a precision as one line of a bundle recipe."""
    value = yaml.safe_dump(precision.model_dump(mode="json"), default_flow_style=True, sort_keys=False, width=10_000)
    return f"precision: {value.removesuffix('...' + chr(10)).strip()}"


def _worth_keeping(gains: tuple[LayerGain, ...], cost: Interval) -> LayerGain | None:
    """Choose the cheapest gain that brings back most of a cost, if the cost is more than chance."""
    if cost.low <= 0:
        return None
    enough = [gain for gain in gains if gain.gain.low > 0 and gain.gain.mean >= ENOUGH * cost.mean]
    return min(enough, key=lambda gain: (gain.extra_bytes, -gain.gain.mean), default=None)


def _of_precision(precision: Precision, cost: Interval, chosen: LayerGain | None, line: str | None) -> str:
    if precision.schemes == ("fp32",):
        return "All layers are at full precision."
    if chosen is None:
        return (
            f"Nothing to gain from precision: {precision.text} costs {cost} NDCG@10 on {cost.users:,} histories, "
            "no more than chance would."
        )
    return (
        f"{precision.text} costs {cost} NDCG@10: keep {chosen.layer} at {chosen.scheme}, {chosen.gain.signed} for "
        f"{chosen.extra_bytes:,} bytes of weights; write this into the recipe: {line}"
    )


def _of_tiles(cost: Interval) -> str:
    if cost.low <= 0:
        return f"The tiles cost {cost}, no more than chance would."
    return f"The tiles cost {cost}: a larger budget brings that back, `ofa-export plan` says how large."
