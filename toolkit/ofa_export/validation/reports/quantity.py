"""Numbers of a report as people read them, with their unit."""

from __future__ import annotations

import math

from ofa_export.validation.finding import Finding, Unit

SYMBOLS = {"at_most": "≤", "at_least": "≥"}


def measured_text(finding: Finding) -> str:
    """Write the measured number with its unit: `42.1 dB`, `1.2e-06`, `131,072 bytes`."""
    if finding.measured is None:
        return "exact" if finding.status == "pass" else "not finite"
    return _text(finding.measured, finding.unit)


def limit_text(finding: Finding) -> str:
    """Write the limit with its side: `≥ 30.0 dB`; a dash where there is none."""
    if finding.limit is None or finding.bound is None:
        return "-"
    return f"{SYMBOLS[finding.bound]} {_text(finding.limit, finding.unit)}"


def snr_text(snr_db: float | None, *, finite: bool) -> str:
    """Write the signal-to-noise ratio of a layer: `42.1 dB`.

    Args:
        snr_db: None where there is no noise.
        finite: whether all values of the layer's output are.
    """
    if not finite:
        return "not finite"
    return "exact" if snr_db is None else f"{snr_db:.1f} dB"


def noise_share(snr_db: float | None, *, finite: bool) -> float:
    """Turn the signal-to-noise ratio of a layer into the amplitude of the noise over that of the signal.

    Args:
        snr_db: None where there is no noise.
        finite: whether all values of the layer's output are.

    Returns:
        0 without noise, infinity where a value is not finite.
    """
    if not finite:
        return math.inf
    return 0.0 if snr_db is None else float(10 ** (-snr_db / 20))


def noise_text(snr_db: float | None, *, finite: bool) -> str:
    """Write the same as a share: `1.2 %`."""
    share = noise_share(snr_db, finite=finite)
    return "not finite" if not finite else f"{100 * share:.2g} %" if share else "none"


def _text(value: float, unit: Unit) -> str:
    match unit:
        case "dB":
            return f"{value:.1f} dB"
        case "abs":
            return f"{value:.1e}" if value else "0"
        case "share":
            return f"{value:.3f}"
        case "ndcg":
            return f"{value:+.4f} NDCG"
        case "bytes":
            return f"{value:,.0f} bytes"
        case "count":
            return f"{value:,.0f}"
