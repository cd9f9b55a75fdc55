"""Findings: an assertion, the measured number, its limit, and a sentence for a person."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ofa_export.foreign_text import shown

Status = Literal["pass", "warn", "fail"]
Bound = Literal["at_most", "at_least"]
Unit = Literal["dB", "abs", "share", "ndcg", "bytes", "count"]

LONGEST_SENTENCE = 3000
"""Characters of a sentence; one that lists layers is long."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of one assertion.

    Args:
        assertion: stable dotted name, for example "conversion.adapt.theta_0.max_abs_err"; its first part is the group.
        status: whether it holds; "warn" is worth a look and fails nothing.
        measured: the number, in `unit`; None when it is not finite, which is an exact match in decibels that passes,
            and otherwise a value that was NaN or infinite.
        limit: what `measured` is held against, in the same unit; None when it is only reported.
        bound: the side on which the limit lies.
        unit: "dB" signal-to-noise ratio, "abs" absolute difference, "share" 0 to 1, "ndcg" difference of NDCG@10,
            "bytes", "count".
        sentence: what was compared with what, and what stands out. It and the name may quote anything: they are kept
            as they can be shown.
    """

    assertion: str
    status: Status
    measured: float | None
    limit: float | None
    bound: Bound | None
    unit: Unit
    sentence: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "assertion", shown(self.assertion))
        object.__setattr__(self, "sentence", shown(self.sentence, at_most=LONGEST_SENTENCE))

    @property
    def group(self) -> str:
        """The first part of the assertion's name."""
        return self.assertion.partition(".")[0]

    @property
    def strain(self) -> float:
        """The used share of what is allowed: 0 nothing, 1 all of it, more when it fails."""
        if self.measured is None:
            return 0.0 if self.status == "pass" else math.inf
        if self.limit is None:
            return 0.0
        part, whole = (self.measured, self.limit) if self.bound == "at_most" else (self.limit, self.measured)
        if part <= 0:
            return 0.0
        return part / whole if whole > 0 else math.inf

    @property
    def severity(self) -> tuple[int, float]:
        """Sorts findings: failures above warnings above the rest, and among equals the most strained."""
        return ("pass", "warn", "fail").index(self.status), self.strain


def at_most(
    assertion: str, measured: float, limit: float, unit: Unit, sentence: str, *, otherwise: Status = "fail"
) -> Finding:
    """Make a finding that passes when the number does not exceed its limit; NaN exceeds every limit.

    Args:
        assertion: its name.
        measured: the number, in `unit`.
        limit: the largest number that passes.
        unit: of both.
        sentence: for a person.
        otherwise: the status when it is exceeded.
    """
    status: Status = "pass" if measured <= limit else otherwise
    return Finding(
        assertion=assertion,
        status=status,
        measured=_finite(measured),
        limit=limit,
        bound="at_most",
        unit=unit,
        sentence=sentence,
    )


def at_least(
    assertion: str, measured: float, limit: float, unit: Unit, sentence: str, *, otherwise: Status = "fail"
) -> Finding:
    """Make a finding that passes when the number reaches its limit; NaN reaches none; arguments as in `at_most`."""
    return Finding(
        assertion=assertion,
        status="pass" if measured >= limit else otherwise,
        measured=_finite(measured),
        limit=limit,
        bound="at_least",
        unit=unit,
        sentence=sentence,
    )


def reported(assertion: str, measured: float, unit: Unit, sentence: str) -> Finding:
    """Make a finding without a limit: the number is worth knowing; arguments as in `at_most`."""
    return Finding(
        assertion=assertion,
        status="pass",
        measured=_finite(measured),
        limit=None,
        bound=None,
        unit=unit,
        sentence=sentence,
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
