"""Reports as one self-contained HTML page, for a person who wants to see where a bundle stands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from ofa_export.reporting.byte_map import NARROW, WIDE, ByteMap, byte_map
from ofa_export.reporting.html_page import render_page
from ofa_export.validation.finding import Finding
from ofa_export.validation.reports.layer_bars import LayerBar, layer_bars
from ofa_export.validation.reports.plots import QualityPlot, ScatterPlot, quality_plot, scatter_plot
from ofa_export.validation.reports.quantity import limit_text, measured_text
from ofa_export.validation.reports.report import Report

TEMPLATE = Path(__file__).with_name("report.html.j2")

VERDICTS = ("REJECTED", "FAIL", "WARN", "PASS")

severity = attrgetter("severity")


@dataclass(frozen=True, kw_only=True)
class Section:
    """What the page shows of one bundle.

    Args:
        report: about it.
        verdict: one word: PASS, WARN, FAIL or REJECTED.
        unsettled: findings that failed or warn, the worst first.
        nearest: the finding that is nearest to its limit, or furthest beyond it.
        groups: all findings by the first part of their names, the worst group first.
        layers: bars of the layers' errors.
        scatter: scores of the reference and of the device.
        quality: NDCG@10 against bytes.
        maps: treemaps of the bytes, for a screen and for a phone.
    """

    report: Report
    verdict: str
    unsettled: tuple[Finding, ...]
    nearest: Finding
    groups: tuple[tuple[Finding, ...], ...]
    layers: tuple[LayerBar, ...]
    scatter: ScatterPlot | None
    quality: QualityPlot | None
    maps: tuple[ByteMap, ...]


def validation_html(reports: Sequence[Report]) -> str:
    """The page: a verdict for each report first, then each in full.

    Args:
        reports: one for each bundle and target, in the order of the command line; at least one.

    Raises:
        MissingToolError: Jinja2 is not installed.
    """
    return render_page(
        TEMPLATE,
        sections=[_section(report) for report in reports],
        measured=measured_text,
        limit=limit_text,
        inf=math.inf,
        counts={name: sum(_verdict(report) == name for report in reports) for name in VERDICTS},
    )


def _section(report: Report) -> Section:
    unsettled = [finding for finding in report.findings if finding.status != "pass"]
    return Section(
        report=report,
        verdict=_verdict(report),
        unsettled=tuple(sorted(unsettled, key=severity, reverse=True)),
        nearest=max(report.findings, key=severity),
        groups=_groups(report.findings),
        layers=layer_bars(report.layers),
        scatter=scatter_plot(report.scores) if report.scores else None,
        quality=quality_plot(report.quality, size_bytes=report.subject.size_bytes)
        if report.quality and report.quality.points and report.subject
        else None,
        maps=tuple(byte_map(report.parts, area) for area in (WIDE, NARROW)) if report.parts else (),
    )


def _verdict(report: Report) -> str:
    return "REJECTED" if report.rejected else report.status.upper()


def _groups(findings: Sequence[Finding]) -> tuple[tuple[Finding, ...], ...]:
    """As the terminal sorts them; in each group the worst first."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.group, []).append(finding)
    ordered = [tuple(sorted(members, key=severity, reverse=True)) for members in groups.values()]
    return tuple(sorted(ordered, key=lambda members: members[0].severity, reverse=True))
