"""Reports as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from ofa_export.reporting.byte_map import NARROW, WIDE, byte_map
from ofa_export.reporting.html_page import render_page
from ofa_export.validation.finding import Finding
from ofa_export.validation.reports import plots
from ofa_export.validation.reports.quantity import limit_text, measured_text, noise_text, snr_text
from ofa_export.validation.reports.report import Report

TEMPLATE = Path(__file__).with_name("report.html.j2")

VERDICTS = ("REJECTED", "FAIL", "WARN", "PASS")

severity = attrgetter("severity")


@dataclass(frozen=True, kw_only=True)
class Section:
    """The part of the page about one bundle.

    Args:
        report: about it.
        verdict: one word: PASS, WARN, FAIL or REJECTED.
        unsettled: findings that failed or warn, the worst first.
        nearest: the finding that is nearest to its limit, or furthest beyond it.
        groups: all findings by the first part of their names, the worst group first.
        scatter: plot of the scores of the reference and of the device; "" where there are none, as for every plot.
        quality: plot of NDCG@10 against bytes.
        layers: plot of the layers' errors.
        times: plot of the time of each part of a session.
        maps: treemaps of the bytes, for a screen and for a phone.
    """

    report: Report
    verdict: str
    unsettled: tuple[Finding, ...]
    nearest: Finding
    groups: tuple[tuple[Finding, ...], ...]
    scatter: str
    quality: str
    layers: str
    times: str
    maps: tuple[str, ...]


def validation_html(reports: Sequence[Report]) -> str:
    """Render the page: a verdict for each report first, then each in full.

    Args:
        reports: one for each bundle and target, in the order of the command line; at least one.

    Raises:
        MissingToolError: Jinja2, matplotlib or squarify is not installed.
    """
    return render_page(
        TEMPLATE,
        sections=[_section(report) for report in reports],
        measured=measured_text,
        limit=limit_text,
        noise=noise_text,
        snr=snr_text,
        part_names=plots.PART_NAMES,
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
        scatter=plots.scatter_plot(report.scores) if report.scores else "",
        quality=plots.quality_plot(report.quality, size_bytes=report.subject.size_bytes)
        if report.quality and report.quality.points and report.subject
        else "",
        layers=plots.layers_plot(report.layers) if report.layers else "",
        times=plots.times_plot(report.latency) if report.latency else "",
        maps=tuple(byte_map(report.parts, width=width, height=height) for width, height in (WIDE, NARROW))
        if report.parts
        else (),
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
