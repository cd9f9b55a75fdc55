"""An evaluation as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ofa_export.evaluation.evaluate import Evaluation
from ofa_export.evaluation.plots import bytes_plot, orders_plot, ranking_plot, segments_plot
from ofa_export.evaluation.summary import byte_rows, fine_tuned_rows, group_rows, rows, segment_rows
from ofa_export.reporting.html_page import render_page

TEMPLATE = Path(__file__).with_name("report.html.j2")


def evaluation_html(evaluations: Sequence[Evaluation]) -> str:
    """Render the page.

    Args:
        evaluations: one per seed.

    Raises:
        MissingToolError: Jinja2 or matplotlib is not installed.
    """
    first, ranking = evaluations[0], rows(evaluations)
    segments, tables = segment_rows(evaluations), byte_rows(evaluations)
    return render_page(
        TEMPLATE,
        card=first.subject.checkpoint.config.data,
        split=first.split,
        users=len(first.users),
        histories=first.subject.histories,
        seeds=[evaluation.subject.seed for evaluation in evaluations],
        versions=first.subject.checkpoint.config.training.get("versions", {}),
        ranking=ranking,
        ranking_plot=ranking_plot(ranking),
        fine_tuning=fine_tuned_rows(evaluations),
        segments=segments,
        segments_plot=segments_plot(segments) if segments else "",
        tables=tables,
        bytes_plot=bytes_plot(tables) if tables else "",
        orders_plot=orders_plot(tables) if any(not row.retrained for row in tables) else "",
        user_groups=group_rows(evaluations),
    )
