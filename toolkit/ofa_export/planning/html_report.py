"""A plan as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path

from ofa_export.planning.choose import Choice
from ofa_export.planning.front import front
from ofa_export.planning.plan import Plan
from ofa_export.reporting.byte_map import WIDE, byte_map
from ofa_export.reporting.byte_shares import byte_shares
from ofa_export.reporting.html_page import render_page

TEMPLATE = Path(__file__).with_name("plan.html.j2")


def plan_html(plan: Plan, choice: Choice) -> str:
    """Render the page.

    Args:
        plan: what is made.
        choice: from what it was chosen.

    Raises:
        MissingToolError: Jinja2, matplotlib or squarify is not installed.
    """
    shares = byte_shares(plan, weights=choice.chosen.weights)
    return render_page(
        TEMPLATE,
        plan=plan,
        fields=plan.contents.fields,
        choice=choice,
        shares=shares,
        map=byte_map(shares, width=WIDE[0], height=WIDE[1]),
        front=front(choice.considered),
    )
