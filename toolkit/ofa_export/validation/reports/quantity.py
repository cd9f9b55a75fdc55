"""Numbers of findings as people read them, with their unit."""

from __future__ import annotations

from ofa_export.validation.finding import Finding, Unit

SYMBOLS = {"at_most": "≤", "at_least": "≥"}


def measured_text(finding: Finding) -> str:
    """The measured number with its unit: `42.1 dB`, `1.2e-06`, `131,072 bytes`."""
    if finding.measured is None:
        return "exact" if finding.status == "pass" else "not finite"
    return _text(finding.measured, finding.unit)


def limit_text(finding: Finding) -> str:
    """The limit with its side: `≥ 30.0 dB`; a dash where there is none."""
    if finding.limit is None or finding.bound is None:
        return "-"
    return f"{SYMBOLS[finding.bound]} {_text(finding.limit, finding.unit)}"


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
