"""A fleet as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path

from ofa_export.fleet.index import FleetIndex
from ofa_export.reporting.html_page import render_page

TEMPLATE = Path(__file__).with_name("report.html.j2")


def fleet_html(index: FleetIndex, *, stored: int) -> str:
    """Return the page.

    Args:
        index: the plan.
        stored: bytes of all that is stored.

    Raises:
        MissingToolError: Jinja2 is not installed.
    """
    return render_page(
        TEMPLATE,
        index=index,
        stored=stored,
        total=sum(one.bytes for one in index.bundles),
        largest=max(one.bytes for one in index.bundles),
        best=max(float(one.ndcg_at_10 or 0) for one in index.bundles) or 1,
    )
