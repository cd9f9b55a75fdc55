"""An evaluation for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ofa_export.evaluation.evaluate import Evaluation
from ofa_export.evaluation.summary import byte_rows, fine_tuned_rows, group_rows, rows, segment_rows
from ofa_export.ranking.metrics import Interval


def evaluation_json(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """Everything that the reports show; intervals are `mean`, `low` and `high`.

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
