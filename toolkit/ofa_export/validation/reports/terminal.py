"""Reports for a terminal: short when all is well, findings that failed in full, the worst first.

A line that has to be broken goes on indented: only what this module writes itself starts at the margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ofa_export.foreign_text import shown
from ofa_export.validation.finding import Finding
from ofa_export.validation.reports.layer_table import layer_tables
from ofa_export.validation.reports.quantity import limit_text, measured_text
from ofa_export.validation.reports.report import Report

severity = attrgetter("severity")
INDENT = "  "
STYLES = {"pass": "green", "warn": "yellow", "fail": "red"}


def print_report(report: Report, console: Console) -> None:
    """Print one line for each group of assertions, with the number that is nearest to its limit, and what did not pass.

    Args:
        report: of one bundle.
        console: where to; its width decides where lines are broken. It takes text for text, and not for markup.
    """
    _print_hanging(_heading(report), console)
    if report.coverage:
        _print_hanging(Text(report.coverage.text), console)
    console.print(_table(report.findings))
    unsettled = [finding for finding in report.findings if finding.status != "pass"]
    for finding in sorted(unsettled, key=severity, reverse=True):
        for line in _in_full(finding):
            _print_hanging(line, console)
    for part in layer_tables(report):
        console.print(part)
    console.print(_verdict(report))


def _heading(report: Report) -> Text:
    text = Text(shown(report.bundle), style="bold")
    if report.subject:
        subject = report.subject
        made = f"{subject.converter} {subject.precision} on {report.target}, group {subject.group}, "
        size = f"{subject.size_bytes:,} of {subject.budget_bytes:,} bytes, "
        tiles = f"{subject.tiles_kept} of {subject.tiles_total} tiles"
        text.append(f"  {shown(made)}{size}{tiles}", style="not bold")
    return text


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column()
    table.add_column("passed", justify="right")
    table.add_column("nearest to its limit")
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("limit", no_wrap=True)
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.group, []).append(finding)
    # A stable sort: groups that are equally far from their limits stay in the order in which they were compared.
    for group in sorted(groups.values(), key=lambda members: max(map(severity, members)), reverse=True):
        worst = max(group, key=severity)
        passed = sum(member.status == "pass" for member in group)
        table.add_row(
            Text(worst.group),
            f"{passed}/{len(group)}",
            Text(worst.assertion.partition(".")[2], style=STYLES[worst.status]),
            measured_text(worst),
            limit_text(worst),
        )
    return table


def _in_full(finding: Finding) -> tuple[Text, Text]:
    text = Text(f"{finding.status.upper()} ", style=STYLES[finding.status])
    text.append(finding.assertion, style="bold")
    text.append(f"  {measured_text(finding)} ({limit_text(finding)})", style="not bold")
    return text, Text(f"  {finding.sentence}")


def _print_hanging(text: Text, console: Console) -> None:
    """Print a text as wide as the console; lines after its first one are indented."""
    for number, line in enumerate(text.wrap(console, max(console.width - len(INDENT), 1))):
        console.print(Text(INDENT if number else "").append_text(line), no_wrap=True, overflow="ignore", crop=False)


def _verdict(report: Report) -> Text:
    counts = {status: sum(finding.status == status for finding in report.findings) for status in STYLES}
    words = f"{counts['pass']} assertions hold, {counts['fail']} fail, {counts['warn']} to look at"
    return Text(f"{report.status.upper()}: {words}", style=STYLES[report.status])
