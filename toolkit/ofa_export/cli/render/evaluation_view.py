"""An evaluation for people, as lines of text."""

from __future__ import annotations

from collections.abc import Sequence

from ofa_export.cli.render.columns import columns
from ofa_export.evaluation.evaluate import Evaluation
from ofa_export.evaluation.summary import byte_rows, fine_tuned_rows, group_rows, rows, segment_rows

BY_NDCG = "NDCG@10"


def evaluation_lines(evaluations: Sequence[Evaluation]) -> list[str]:
    """Lay out tables of everything that was measured.

    Args:
        evaluations: one per seed.
    """
    first = evaluations[0]
    histories, seeds = first.subject.histories, [str(evaluation.subject.seed) for evaluation in evaluations]
    positions = "last item" if histories.held_out == 1 else f"last {histories.held_out} items"
    head = (
        f"{first.subject.checkpoint.config.data.name}, {first.split} split: {positions} of {len(first.users):,} users, "
        f"all {histories.items:,} items ranked; seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}; "
        "± is a 95 % interval over users"
    )
    parts = (_ranking, _fine_tuning, _segments, _tables, _user_groups)
    return [head, *(line for part in parts for line in _after_a_blank_line(part(evaluations)))]


def _after_a_blank_line(table: list[str]) -> list[str]:
    return ["", *table] if table else []


def _ranking(evaluations: Sequence[Evaluation]) -> list[str]:
    shown = [("", BY_NDCG, "over seeds", "HR@10", "adapted leads by", "blocks")]
    for row in rows(evaluations):
        share = "" if row.executed_share is None else f"{row.executed_share:.0%} in {row.gate_patterns} ways"
        spread = "" if row.spread is None else f"± {row.spread:.4f}"
        lead = "" if row.lead is None else row.lead.signed
        shown.append((row.label, str(row.ndcg), spread, f"{row.hits.mean:.4f}", lead, share))
    return columns(shown, align="<>>>>>")


def _fine_tuning(evaluations: Sequence[Evaluation]) -> list[str]:
    found = fine_tuned_rows(evaluations)
    if not found:
        return []
    shown = [("on-device fine-tuning", BY_NDCG, "gain", "adapted leads by", "ms", "one pass", "ratio")]
    for row in found:
        shown.append(
            (
                f"{row.steps} gradient step{'s' * (row.steps > 1)}",
                str(row.ndcg),
                row.gain.signed,
                row.lead.signed,
                f"{row.fine_tuning_ms:.1f}",
                f"{row.one_pass_ms:.2f}",
                f"{row.ratio:.0f} x",
            )
        )
    return [f"{found[0].ndcg.users} users", *columns(shown, align="<>>>>>>")]


def _segments(evaluations: Sequence[Evaluation]) -> list[str]:
    found = segment_rows(evaluations)
    if not found:
        return []
    shown = [("users by", "", "users", "static net", "adapted leads by", "blocks")]
    for row in found:
        share = f"{row.executed_share:.0%}"
        shown.append((row.trait, row.label, f"{row.users:,}", f"{row.static:.4f}", row.lead.signed, share))
    return columns(shown, align="<<>>>>")


def _tables(evaluations: Sequence[Evaluation]) -> list[str]:
    found = byte_rows(evaluations)
    if not found:
        return []
    shown = [("item table", "bytes", "of fp32", BY_NDCG, "of ours, full", "tiles lead by")]
    for row in found:
        lead = "" if row.lead is None else row.lead.signed
        shown.append((row.label, f"{row.bytes:,}", f"{row.share:.1%}", str(row.ndcg), f"{row.relative:.1%}", lead))
    return columns(shown, align="<>>>>>")


def _user_groups(evaluations: Sequence[Evaluation]) -> list[str]:
    shown = [("item tables", "fewest users", BY_NDCG, "over shared")]
    for row in group_rows(evaluations):
        label = f"{row.groups} user groups" if row.groups > 1 else "one shared table"
        shown.append((label, f"{row.smallest:,}", str(row.ndcg), "" if row.lead is None else row.lead.signed))
    return columns(shown, align="<>>>") if len(shown) > 1 else []
