"""Whole sessions: device and reference adapt, run their blocks and score every item, as a phone would."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ofa_export.bundle.table import ElasticTable
from ofa_export.device.loop import Device
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.ranking.metrics import TOP, target_ranks
from ofa_export.ranking.scoring import score_histories
from ofa_export.validation.deviation import deviation
from ofa_export.validation.histories import ValidationHistories

VALUES_AT_ONCE = 2**24
"""Scores that are held at once of each kind; larger catalogues are compared in more steps."""

SAMPLED_SCORES, LEAST_SAMPLED = 500, 4
"""Scores that a report shows of all sessions together, but of each the best, a middling, the last and the worst off."""

TIMED = ("adapt", "blocks", "score")
"""Parts of a session whose time is taken."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sessions:
    """The results of all sessions.

    Args:
        gates: the device's decisions, `[H, L]`.
        same_gates: histories for which device and reference assembled the same blocks, `[H]`.
        abs_err: largest absolute difference of the scores of all items, `[H]`.
        snr_db: signal-to-noise ratio of the scores of all items, in decibels, `[H]`.
        top10_overlap: share of the reference's ten best items that are among the device's, `[whole]`.
        device_ranks: rank of the next item on the device, `[whole]`.
        reference_ranks: the same in the reference with the bundle's tiles.
        full_ranks: the same in the network as it was trained, with the full, unquantised table.
        candidate_err: largest difference of a score from PyTorch's for the device's own last state, as a part of the
            largest score (at least 1), `[H]`.
        candidate: row of the item with that difference, `[H]`.
        sampled_reference: scores of some items in the reference, from its best item to its last, and of the item whose
            scores differ most, `[H, S]`.
        sampled_device: scores of the same items on the device.
        milliseconds: time that the device took for each part of `TIMED`, `[H, 3]`.
    """

    gates: NDArray[np.float32]
    same_gates: NDArray[np.bool_]
    abs_err: NDArray[np.float64]
    snr_db: NDArray[np.float64]
    top10_overlap: NDArray[np.float64]
    device_ranks: NDArray[np.int64]
    reference_ranks: NDArray[np.int64]
    full_ranks: NDArray[np.int64]
    candidate_err: NDArray[np.float64]
    candidate: NDArray[np.int64]
    sampled_reference: NDArray[np.float32]
    sampled_device: NDArray[np.float32]
    milliseconds: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ScoreSample:
    """Scores of the same items for the same histories; the three lists are equally long.

    Args:
        reference: of PyTorch with the bundle's tiles.
        device: of the bundle.
        same_gates: whether both assembled the same blocks for the history; where not, scores may differ a lot.
    """

    reference: tuple[float, ...]
    device: tuple[float, ...]
    same_gates: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Time of one part of a session on the computer that validates.

    Args:
        part: `adapt`, `blocks` (all that ran), `score` (every item of the catalogue) or `session` (the three together).
        median_ms: median over the sessions, in milliseconds.
        p90_ms: what nine of ten sessions do not exceed, in milliseconds.
        sessions: how many were timed, the first one included.
    """

    part: str
    median_ms: float
    p90_ms: float
    sessions: int


def run_sessions(
    device: Device,
    checkpoint: Checkpoint,
    histories: ValidationHistories,
    *,
    group: int,
    table: ElasticTable,
    trained: Checkpoint,
) -> Sessions:
    """Run all histories on the device and in the reference.

    Args:
        device: the bundle on a runtime.
        checkpoint: the reference, cut as the bundle's recipe says.
        histories: what to run.
        group: user group of the bundle.
        table: the table that the bundle has to hold.
        trained: the checkpoint as it was trained, with its full table: what a budget is measured against.

    Raises:
        NumericsError: a graph returned values that are not finite.
    """
    tiles = torch.from_numpy(table.all_rows())
    step = max(1, VALUES_AT_ONCE // len(tiles))
    sampled = max(LEAST_SAMPLED, SAMPLED_SCORES // len(histories))
    parts = [
        _some(
            device,
            checkpoint,
            trained,
            histories,
            slice(start, start + step),
            full=trained.table(group),
            tiles=tiles,
            sampled=sampled,
        )
        for start in range(0, len(histories), step)
    ]
    names = Sessions.__dataclass_fields__
    return Sessions(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def score_sample(sessions: Sessions) -> ScoreSample:
    """Take the sample of scores out of the sessions.

    Args:
        sessions: from `run_sessions`.
    """
    each = sessions.sampled_reference.shape[1]
    return ScoreSample(
        reference=_rounded(sessions.sampled_reference.ravel().tolist()),
        device=_rounded(sessions.sampled_device.ravel().tolist()),
        same_gates=tuple(same for same in sessions.same_gates.tolist() for _ in range(each)),
    )


def latencies(sessions: Sessions) -> tuple[Latency, ...]:
    """Summarise the time of each part, then that of the whole session.

    Args:
        sessions: from `run_sessions`.
    """
    whole = sessions.milliseconds.sum(axis=1, keepdims=True)
    columns = np.concatenate([sessions.milliseconds, whole], axis=1).T
    return tuple(
        Latency(
            part=part,
            median_ms=round(float(np.median(times)), 4),
            p90_ms=round(float(np.percentile(times, 90)), 4),
            sessions=len(times),
        )
        for part, times in zip((*TIMED, "session"), columns, strict=True)
    )


def _some(
    device: Device,
    checkpoint: Checkpoint,
    trained: Checkpoint,
    histories: ValidationHistories,
    part: slice,
    *,
    full: torch.Tensor,
    tiles: torch.Tensor,
    sampled: int,
) -> Sessions:
    model, rows = checkpoint.model, histories.rows[part]
    reference, reference_gates = score_histories(model, model.adapt, tiles, rows)
    gates, scores = np.empty_like(reference_gates), np.empty_like(reference)
    milliseconds = np.empty((len(rows), len(TIMED)))
    states = np.empty((len(rows), tiles.shape[1]), np.float32)
    candidates = device.table.all_rows()
    for index, items in enumerate(histories.items[part]):
        device.take_milliseconds()
        adaptation = device.adapt(items)
        gates[index], states[index] = adaptation.gates, adaptation.hidden[0, -1]
        scores[index] = _scores(device, candidates, part.start + index)
        spent = device.take_milliseconds()
        milliseconds[index] = [spent[name] for name in TIMED]
    candidate_err, candidate = _candidates(model, states, tiles, scores)
    compared, shown = deviation(reference, scores), _shown(reference, scores, sampled)
    targets = histories.targets[part]
    whole = slice(len(targets))
    seen = rows[whole] if checkpoint.config.data.exclude_history else None
    full_scores, _ = (
        score_histories(trained.model, trained.model.adapt, full, rows[whole])
        if len(targets)
        else (reference[whole], 0)
    )
    return Sessions(
        gates=gates,
        same_gates=(gates == reference_gates).all(axis=1),
        abs_err=compared.abs_err,
        snr_db=compared.snr_db,
        top10_overlap=_overlap(scores[whole], reference[whole], seen),
        device_ranks=target_ranks(scores[whole], targets, history=seen),
        reference_ranks=target_ranks(reference[whole], targets, history=seen),
        full_ranks=target_ranks(full_scores, targets, history=seen),
        candidate_err=candidate_err,
        candidate=candidate,
        sampled_reference=np.take_along_axis(reference, shown, axis=1),
        sampled_device=np.take_along_axis(scores, shown, axis=1),
        milliseconds=milliseconds,
    )


def _scores(device: Device, candidates: NDArray[np.float32], number: int) -> NDArray[np.float32]:
    """Score all items; from history to history each is one place further on in its call, so all come to all places."""
    each = device.bundle.manifest.shapes.candidates
    ahead = number % each
    rows = np.arange(-ahead, min(each - ahead, len(candidates))) % len(candidates)
    first = device.score_embeddings(candidates[rows])[ahead:]
    return np.concatenate([first, device.score_embeddings(candidates[len(first) :])])


@torch.no_grad()
def _candidates(
    model: AdaptiveRecommender, states: NDArray[np.float32], tiles: torch.Tensor, scores: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Compare the scores with PyTorch's for the device's own last states, where nothing is rounded; the worst item."""
    expected = (model.final_norm(torch.from_numpy(states)) @ tiles.T).numpy()
    difference = np.abs(scores - expected)
    worst = difference.argmax(axis=1)
    largest = np.maximum(np.abs(expected).max(axis=1), 1).astype(np.float64)
    return np.take_along_axis(difference, worst[:, None], axis=1)[:, 0] / largest, worst


def _shown(reference: NDArray[np.float32], scores: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Items to show of each history, evenly by rank in the reference, and the one that is off most; `[H, count]`."""
    ranked = np.argsort(-reference, axis=1, kind="stable")
    even = np.linspace(0, reference.shape[1] - 1, count - 1).round().astype(int)
    worst = np.abs(scores - reference).argmax(axis=1)
    return np.concatenate([ranked[:, even], worst[:, None]], axis=1)


def _overlap(
    scores: NDArray[np.float32], reference: NDArray[np.float32], seen: NDArray[np.int32] | None
) -> NDArray[np.float64]:
    shares = np.empty(len(scores))
    for index in range(len(scores)):
        best = [_best(values[index], None if seen is None else seen[index]) for values in (scores, reference)]
        shares[index] = len(best[0] & best[1]) / max(1, len(best[1]))
    return shares


def _best(scores: NDArray[np.float32], seen: NDArray[np.int32] | None) -> set[int]:
    # Stable, so that ties go by row as on the device.
    order = np.argsort(-scores, kind="stable")
    kept = order if seen is None else order[~np.isin(order, seen)]
    return set(kept[:TOP].tolist())


def _rounded(values: list[float]) -> tuple[float, ...]:
    """To what a picture can show: the numbers that count are in the findings."""
    return tuple(float(f"{value:.5g}") for value in values)
