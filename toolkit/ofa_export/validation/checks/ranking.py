"""Whole sessions as users see them: scores and rankings of the device beside the reference's, and the budget's cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ofa_export.errors import NumericsError
from ofa_export.planning.kept_quality import ENOUGH, KeptQuality, trained_ndcg
from ofa_export.ranking.metrics import TOP, interval, ndcg
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.explained_loss import HEADROOM_SHARE, explained, unless
from ofa_export.validation.finding import Finding, at_least, at_most, reported
from ofa_export.validation.histories import ValidationHistories
from ofa_export.validation.sessions import Sessions
from ofa_export.validation.tolerance import Limit, PrecisionLimits


def session_findings(comparison: Comparison) -> Iterator[Finding]:
    """Run whole sessions on the target; what is compared afterwards needs that they ran to their end.

    Args:
        comparison: with a bundle that the target loads.

    Yields:
        `finite.session.nonfinite_count`, only where values that are not finite ended them.
    """
    try:
        _ = comparison.sessions
    except NumericsError as error:
        yield ended_early(error)


def kept_findings(comparison: Comparison) -> Iterator[Finding]:
    """Warn of a bundle that keeps little of its checkpoint's quality, because of its budget or of its recipe.

    Args:
        comparison: with a bundle of this checkpoint.

    Yields:
        `ranking.kept_share`, only where it is worth a warning.
    """
    quality, tiles = comparison.manifest.quality.ndcg_at_10, comparison.manifest.embeddings.tiles_kept
    trained = trained_ndcg(comparison.trained.config.model_dump(mode="json"))
    expected = quality.expected(tiles)
    kept = KeptQuality(
        bundle=None if expected is None else float(expected),
        checkpoint=float(quality.full_table) if trained is None else trained,
        exact=any(each.tiles == tiles for each in quality.by_tiles),
    )
    if not kept.enough:
        sentence = f"{kept.text} That is what was asked for; `ofa-export plan` says what other budgets give."
        yield at_least("ranking.kept_share", kept.share, ENOUGH, "share", sentence, otherwise="warn")


def ended_early(error: NumericsError) -> Finding:
    """Make the finding `finite.session.nonfinite_count` of sessions that did not run to their end.

    Args:
        error: what ended them.
    """
    sentence = f"Sessions on the device ended early: {error}"
    return at_most("finite.session.nonfinite_count", 1, 0, "count", sentence)


def score_findings(comparison: Comparison) -> Iterator[Finding]:
    """Compare the scores of whole sessions with PyTorch's; see `compare_scores`.

    Args:
        comparison: with sessions that ran to their end.

    Yields:
        `session.candidates.max_abs_err`; `session.scores.snr_db`, or `session.flipped_count` where no gates agree.
    """
    floor = comparison.limits.session_snr_db
    yield compare_candidates(
        comparison.sessions,
        comparison.histories,
        places=comparison.manifest.shapes.candidates,
        limit=comparison.policy.normalised_max_abs_err,
    )
    yield from compare_scores(
        comparison.sessions, comparison.histories, floor=floor, predicted=lambda: comparison.predicted_sessions
    )


def ranking_findings(comparison: Comparison) -> Iterator[Finding]:
    """Compare the rankings of whole sessions with PyTorch's; see `compare_rankings`.

    Args:
        comparison: with sessions that ran to their end.

    Yields:
        `ranking.*`.
    """
    budget = comparison.policy.budget_ndcg_drop
    yield from compare_rankings(
        comparison.sessions,
        limits=comparison.limits,
        budget=budget,
        predicted=lambda: comparison.predicted_sessions,
    )


def compare_scores(
    sessions: Sessions,
    histories: ValidationHistories,
    *,
    floor: Limit,
    predicted: Callable[[], Sessions] | None = None,
) -> Iterator[Finding]:
    """Compare scores after adapt and all blocks, where errors of the graphs add up.

    Args:
        sessions: from `run_sessions`.
        histories: names for what stands out.
        floor: of the signal-to-noise ratio, in decibels.
        predicted: the sessions of the quantised reference, asked for where the floor is missed; None explains nothing.

    Yields:
        `session.scores.snr_db` over the histories whose gates agree (the others are the gates' own finding).
    """
    same = np.flatnonzero(sessions.same_gates)
    if not len(same):
        yield at_most(
            "session.flipped_count",
            len(histories),
            0,
            "count",
            "Histories for which the device assembled other blocks than the reference: all, so no scores compare.",
        )
        return
    worst, found = same[sessions.snr_db[same].argmin()], sessions.snr_db[same]
    missed = predicted is not None and not (found >= floor.limit).all()
    status, reason = unless(
        missed and predicted is not None and explained(found, predicted().snr_db[same], floor=floor.limit)
    )
    yield at_least(
        "session.scores.snr_db",
        float(sessions.snr_db[worst]),
        floor.limit,
        "dB",
        f"Scores of all items against the reference with the same tiles; the worst of {len(same)} histories with the "
        f"same gates is {histories.names[worst]}, with an absolute error of up to {sessions.abs_err[worst]:.2e}."
        f"{reason}",
        otherwise=status,
    )


def compare_candidates(sessions: Sessions, histories: ValidationHistories, *, places: int, limit: Limit) -> Finding:
    """Compare each score by itself with PyTorch's for the last state that the device arrived at.

    Args:
        sessions: from `run_sessions`.
        histories: names for what stands out.
        places: C, items that one call of `score` ranks.
        limit: of the difference, as a part of the largest score (at least 1): nothing is rounded here.

    Returns:
        `session.candidates.max_abs_err`.
    """
    worst = int(sessions.candidate_err.argmax())
    tried = min(places, len(histories))
    return at_most(
        "session.candidates.max_abs_err",
        float(sessions.candidate_err[worst]),
        limit.limit,
        "abs",
        f"The score of each item by itself against PyTorch's for the device's own last state, as a part of the largest "
        f"score (at least 1), each item in {tried} of the {places} places of a call; the largest difference is that of "
        f"the item in row {sessions.candidate[worst]} for {histories.names[worst]}.",
    )


def compare_rankings(
    sessions: Sessions,
    *,
    limits: PrecisionLimits,
    budget: Limit | None,
    predicted: Callable[[], Sessions] | None = None,
) -> Iterator[Finding]:
    """Compare full rankings of all items for whole histories, whose next item is known.

    Args:
        sessions: from `run_sessions`.
        limits: of the bundle's precision.
        budget: what the tiles may cost; None only reports it.
        predicted: the sessions of the quantised reference, asked for where a limit is missed; None explains nothing.

    Yields:
        `ranking.top10.overlap_share`, `ranking.ndcg10.drop` (device against the reference with the same tiles),
        `ranking.ndcg10.budget_drop` (the reference with these tiles against the full table); nothing where no next
        item is known.
    """
    if not len(sessions.full_ranks):
        return
    device, reference, full = (
        ndcg(ranks, TOP) for ranks in (sessions.device_ranks, sessions.reference_ranks, sessions.full_ranks)
    )
    overlap, users = sessions.top10_overlap, len(device)
    status, reason = unless(
        predicted is not None
        and not overlap.mean() >= limits.top10_overlap_share.limit
        and bool(overlap.mean() >= predicted().top10_overlap.mean() - HEADROOM_SHARE)
    )
    yield at_least(
        "ranking.top10.overlap_share",
        float(overlap.mean()),
        limits.top10_overlap_share.limit,
        "share",
        f"Items that the ten best of the device and of the reference with the same tiles have in common, mean over "
        f"{users} histories; the least is {overlap.min():.1f}.{reason}",
        otherwise=status,
    )
    drop = float((reference - device).mean())
    status, reason = unless(
        predicted is not None
        and not drop <= limits.ndcg_drop.limit
        and bool(drop <= (reference - ndcg(predicted().device_ranks, TOP)).mean() + limits.ndcg_drop.limit)
    )
    yield at_most(
        "ranking.ndcg10.drop",
        drop,
        limits.ndcg_drop.limit,
        "ndcg",
        f"NDCG@10 of the reference with the same tiles ({reference.mean():.4f}) less that of the device "
        f"({device.mean():.4f}), {_paired(reference - device)}.{reason}",
        otherwise=status,
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
