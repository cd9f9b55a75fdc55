"""The report of an evaluation, as JSON and as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ofa_export.evaluation.evaluate import Evaluation
from ofa_export.evaluation.plots import bytes_plot, orders_plot, ranking_plot, segments_plot
from ofa_export.evaluation.summary import byte_rows, fine_tuned_rows, group_rows, rows, segment_rows
from ofa_export.ranking.metrics import Interval
from ofa_export.reporting.html_page import render_page

TEMPLATE = Path(__file__).with_name("report.html.j2")


def evaluation_html(evaluations: Sequence[Evaluation]) -> str:
    """Return the page.

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


def evaluation_json(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """Return everything that the reports show; intervals are `mean`, `low` and `high`.

    Args:
        evaluations: one per seed.
    """
    first = evaluations[0]
    histories = first.subject.histories
    parts: dict[str, tuple[Any, ...]] = {
        "ranking": rows(evaluations),
        "fine_tuning": fine_tuned_rows(evaluations),
        "tables": byte_rows(evaluations),
        "user_groups": group_rows(evaluations),
        "segments": segment_rows(evaluations),
    }
    return {
        "data": first.subject.checkpoint.config.data.name,
        "split": first.split,
        "users": len(first.users),
        "items": histories.items,
        "positions_per_user": histories.held_out,
        "seeds": [evaluation.subject.seed for evaluation in evaluations],
        **{name: [_plain(asdict(row)) for row in found] for name, found in parts.items()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == Interval.__dataclass_fields__.keys():
        mean, half_width = value["mean"], value["half_width"]
        return {"mean": mean, "low": mean - half_width, "high": mean + half_width}
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return value
