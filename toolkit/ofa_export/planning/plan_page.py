"""A plan as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ofa_export.bundle import embeddings
from ofa_export.planning.choose import Choice
from ofa_export.planning.kept_quality import kept_text
from ofa_export.planning.plan import Plan
from ofa_export.planning.search import front
from ofa_export.reporting.byte_map import WIDE, byte_map
from ofa_export.reporting.byte_shares import ByteShare, plane_bytes, shares
from ofa_export.reporting.html_page import render_page

TEMPLATE = Path(__file__).with_name("plan.html.j2")


def plan_html(plan: Plan, choice: Choice) -> str:
    """Return the page.

    Args:
        plan: what is made.
        choice: from what it was chosen.

    Raises:
        MissingToolError: Jinja2, matplotlib or squarify is not installed.
    """
    parts = byte_shares(plan, weights=choice.chosen.weights)
    return render_page(
        TEMPLATE,
        plan=plan,
        fields=plan.contents.fields,
        choice=choice,
        kept=kept_text(plan, choice.considered),
        shares=parts,
        map=byte_map(parts, width=WIDE[0], height=WIDE[1]),
        front=front(choice.considered),
    )


def byte_shares(plan: Plan, *, weights: Mapping[str, int]) -> tuple[ByteShare, ...]:
    """Return the parts of the planned bundle, largest first.

    Args:
        plan: of the bundle.
        weights: bytes of the weights of its graphs, by part of the network.
    """
    inside = {plan.contents.graph_entry: weights, embeddings.ENTRY: plane_bytes(plan.contents.table, plan.tiles)}
    return shares([(part.name, part.bytes) for part in plan.parts], inside=inside)
