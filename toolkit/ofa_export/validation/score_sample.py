"""Some scores of whole sessions, the reference's beside the device's, to look at."""

from __future__ import annotations

from dataclasses import dataclass

from ofa_export.validation.sessions import Sessions


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


def score_sample(sessions: Sessions) -> ScoreSample:
    """Read the sample that was taken while the sessions ran.

    Args:
        sessions: from `run_sessions`.
    """
    each = sessions.sampled_reference.shape[1]
    return ScoreSample(
        reference=_rounded(sessions.sampled_reference.ravel().tolist()),
        device=_rounded(sessions.sampled_device.ravel().tolist()),
        same_gates=tuple(same for same in sessions.same_gates.tolist() for _ in range(each)),
    )


def _rounded(values: list[float]) -> tuple[float, ...]:
    """To what a picture can show: the numbers that count are in the findings."""
    return tuple(float(f"{value:.5g}") for value in values)
