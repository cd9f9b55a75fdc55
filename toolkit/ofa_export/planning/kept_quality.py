"""Share of a checkpoint's quality that a bundle keeps, said before anyone ships it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ofa_export.planning.configurations import configuration_of

if TYPE_CHECKING:
    from ofa_export.planning.configurations import MeasuredConfiguration
    from ofa_export.planning.plan import Plan

ENOUGH = 0.9
"""Share of the checkpoint's NDCG@10 below which a bundle is worth a warning (our choice)."""


@dataclass(frozen=True, kw_only=True)
class KeptQuality:
    """NDCG@10 of a bundle beside that of its checkpoint, both on the checkpoint's validation histories.

    Args:
        bundle: of the largest measured number of tiles that the bundle keeps; None where it keeps fewer.
        checkpoint: as it was trained, with every item and nothing rounded.
        exact: whether the bundle keeps so many tiles and no more; else it ranks at least about as well.
    """

    bundle: float | None
    checkpoint: float
    exact: bool

    @property
    def share(self) -> float:
        """What is kept of the checkpoint's quality, 1 for all of it."""
        return (self.bundle or 0.0) / self.checkpoint if self.checkpoint > 0 else 1.0

    @property
    def enough(self) -> bool:
        """True unless the bundle is worth a warning."""
        return self.share >= ENOUGH

    @property
    def text(self) -> str:
        """As a sentence."""
        kept, whole = percent(self.share), "of the checkpoint's quality"
        numbers = f"NDCG@10 {self.bundle or 0:.4f} of {self.checkpoint:.4f} on its validation histories."
        if self.enough:
            return f"Keeps {'' if self.exact else 'at least '}{kept} {whole}: {numbers}"
        if self.exact:
            return f"Keeps only {kept} {whole}: {numbers}"
        return f"Only {kept} {whole} is sure to be kept: {numbers}"


def percent(share: float) -> str:
    """Write a share as people do; never as enough where it is not.

    Args:
        share: 0 to 1, or a little more.
    """
    whole = round(100 * share)
    return f"{whole if share >= ENOUGH else min(whole, round(100 * ENOUGH) - 1)} %"


def trained_ndcg(config: Mapping[str, Any]) -> float | None:
    """Return NDCG@10 that training measured on the validation histories; None where that is not known.

    Args:
        config: what a checkpoint's `config.json` holds. With several user groups it has no number for each, and
            where it keeps nobody's histories, bundles are measured on others than training was.
    """
    try:
        value = config["training"]["probe_ndcg_at_10"]["adapted"]
        groups = config["model"].get("user_groups", 1)
        if config["training"].get("validation_histories", "real") != "real":
            return None
    except (KeyError, TypeError, AttributeError):
        return None
    return round(value, 4) if isinstance(value, float) and 0 < value <= 1 and groups == 1 else None


def kept_text(plan: Plan, considered: Sequence[MeasuredConfiguration]) -> str:
    """Say what share of the checkpoint's quality a plan keeps, and where that is little, which budget keeps more.

    Args:
        plan: what is made.
        considered: every configuration that it was chosen from.
    """
    kept = plan.kept
    return kept.text if kept.enough else f"{kept.text} {way_out(plan, considered)[1]}"


def way_out(plan: Plan, considered: Sequence[MeasuredConfiguration]) -> tuple[int | None, str]:
    """Find the nearest budget that keeps enough of the quality.

    Args:
        plan: one that does not.
        considered: every configuration that it was chosen from.

    Returns:
        Its bytes, None where they are not known; and a sentence.
    """
    enough, floor = f"{round(100 * ENOUGH)} %", ENOUGH * plan.kept.checkpoint
    for point in plan.alternatives:
        quality = float(point.ndcg_at_10)
        if point.budget_bytes > plan.budget and quality >= floor:
            kept = f"{percent(quality / plan.kept.checkpoint)}, {point.tiles} tiles"
            return point.budget_bytes, (
                f"The nearest budget that keeps {enough} is --budget {point.budget_bytes} ({kept})."
            )
    chosen = configuration_of(plan.recipe)
    others = [
        one.bytes_at_least(point)
        for one in considered
        for point in one.points
        if point.ndcg >= floor and one.configuration != chosen
    ]
    if others:
        # Only a conversion tells how much larger a file is than the weights and tiles in it.
        return (
            None,
            f"Another configuration keeps {enough}, within a budget of somewhat more than {min(others):,} bytes.",
        )
    return None, f"No budget keeps {enough} with this recipe: give --recipe int8, fp32 or auto."
