"""Time of the sessions that a validation runs anyway, on this computer, which is not the phone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ofa_export.validation.sessions import TIMED, Sessions


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


def latencies(sessions: Sessions) -> tuple[Latency, ...]:
    """Each part, then the whole session.

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
