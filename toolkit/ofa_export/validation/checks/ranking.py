"""Checks of the rankings that users see, beside the reference's, and of what the budget cost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ofa_export.ranking.metrics import interval, ndcg
from ofa_export.validation.finding import Finding, at_least, at_most, reported
from ofa_export.validation.sessions import TOP, Sessions
from ofa_export.validation.tolerance import Limit, PrecisionLimits


def ranking_findings(sessions: Sessions, *, limits: PrecisionLimits, budget: Limit | None) -> Iterator[Finding]:
    """Full ranking of all items for whole histories, whose next item is known.

    Args:
        sessions: from `run_sessions`.
        limits: of the bundle's precision.
        budget: what the tiles may cost; None only reports it.

    Yields:
        `ranking.top10.overlap_share`, `ranking.ndcg10.drop` (device against the reference with the same tiles),
        `ranking.ndcg10.budget_drop` (the reference with these tiles against the full table).
    """
    device, reference, full = (
        ndcg(ranks, TOP) for ranks in (sessions.device_ranks, sessions.reference_ranks, sessions.full_ranks)
    )
    overlap, users = sessions.top10_overlap, len(device)
    yield at_least(
        "ranking.top10.overlap_share",
        float(overlap.mean()),
        limits.top10_overlap_share.limit,
        "share",
        f"Items that the ten best of the device and of the reference with the same tiles have in common, mean over "
        f"{users} histories; the least is {overlap.min():.1f}.",
    )
    yield at_most(
        "ranking.ndcg10.drop",
        float((reference - device).mean()),
        limits.ndcg_drop.limit,
        "ndcg",
        f"NDCG@10 of the reference with the same tiles ({reference.mean():.4f}) less that of the device "
        f"({device.mean():.4f}), {_paired(reference - device)}.",
    )
    drop = float((full - reference).mean())
    sentence = (
        f"What the budget cost: NDCG@10 of the reference with the full table ({full.mean():.4f}) less that with the "
        f"tiles of this bundle ({reference.mean():.4f}), {_paired(full - reference)}."
    )
    if budget is None:
        yield reported("ranking.ndcg10.budget_drop", drop, "ndcg", sentence)
    else:
        yield at_most("ranking.ndcg10.budget_drop", drop, budget.limit, "ndcg", sentence)


def _paired(difference: NDArray[np.float64]) -> str:
    return f"paired over {len(difference)} histories" + (
        f", 95 % interval {interval(difference)}" if len(difference) > 1 else ""
    )
