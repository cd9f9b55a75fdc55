"""Writes docs/results.md and its plots from what `ofa-export evaluate --json` printed.

Run: python docs/make_results.py
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, StrictUndefined

from ofa_export.evaluation.plots import bytes_plot, orders_plot, ranking_plot, segments_plot
from ofa_export.evaluation.summary import ByteRow, Row, SegmentRow
from ofa_export.metrics import Interval

DOCS = Path(__file__).parent
RESULTS = DOCS / "results"

R = TypeVar("R", Row, ByteRow, SegmentRow)

PLOTS: dict[str, tuple[str, type[Any], Callable[[Any], str]]] = {
    "ranking": ("ranking", Row, ranking_plot),
    "segments": ("segments", SegmentRow, segments_plot),
    "bytes": ("tables", ByteRow, bytes_plot),
    "orders": ("tables", ByteRow, orders_plot),
}
"""Plot -> part of the JSON, its rows, and what draws them."""


def signed(value: dict[str, float]) -> str:
    """A paired difference and half of its 95 % interval."""
    return f"{value['mean']:+.4f} ± {(value['high'] - value['low']) / 2:.4f}"


def interval(value: dict[str, float]) -> str:
    """A mean and half of its 95 % interval."""
    return f"{value['mean']:.4f} ± {(value['high'] - value['low']) / 2:.4f}"


def heading(*names: str) -> list[str]:
    """The first two lines of a table."""
    return ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]


def spread_of(row: dict[str, Any]) -> str:
    """Standard deviation over seeds, where there are several."""
    return "" if row["spread"] is None else f"{row['spread']:.4f}"


def lead_of(row: dict[str, Any]) -> str:
    """A lead, where there is one."""
    return "" if row["lead"] is None else signed(row["lead"])


def protocol(found: dict[str, Any]) -> str:
    """What was ranked, in a sentence."""
    last = "last item" if found["positions_per_user"] == 1 else f"last {found['positions_per_user']} items"
    seeds = ", ".join(str(seed) for seed in found["seeds"])
    return (
        f"`{found['data']}`, {found['split']} split: the {last} of each of {found['users']:,} users, ranked among all "
        f"{found['items']:,} items; seed{'s' * (len(found['seeds']) > 1)} {seeds}."
    )


def ranking(found: dict[str, Any]) -> str:
    """The table of all ways to rank."""
    lines = heading("way to rank", "NDCG@10", "std over seeds", "HR@10", "adapted leads by", "blocks executed")
    for row in found["ranking"]:
        share = "" if row["executed_share"] is None else f"{row['executed_share']:.0%} in {row['gate_patterns']} ways"
        label = f"**{row['label']}**" if row["name"] == "adapted" else row["label"]
        lines.append(
            f"| {label} | {interval(row['ndcg'])} | {spread_of(row)} | {row['hits']['mean']:.4f} | {lead_of(row)} "
            f"| {share} |"
        )
    return "\n".join(lines)


def fine_tuning(found: dict[str, Any]) -> str:
    """One pass beside gradient steps."""
    lines = heading("gradient steps", "rate", "NDCG@10", "gain", "adapted leads by", "ms", "one pass, ms", "ratio")
    for row in found["fine_tuning"]:
        rates = ", ".join(sorted({f"{rate:g}" for rate in row["learning_rates"]}))
        ratio = row["fine_tuning_ms"] / row["one_pass_ms"]
        lines.append(
            f"| {row['steps']} | {rates} | {interval(row['ndcg'])} | {signed(row['gain'])} | {signed(row['lead'])} "
            f"| {row['fine_tuning_ms']:.1f} | {row['one_pass_ms']:.2f} | {ratio:.0f} x |"
        )
    return "\n".join(lines)


def segments(found: dict[str, Any]) -> str:
    """Where adapting pays."""
    lines = heading("users by", "which", "users", "static net", "adapted leads by", "blocks executed")
    for row in found["segments"]:
        lines.append(
            f"| {row['trait']} | {row['label']} | {row['users']:,} | {row['static']:.4f} | {signed(row['lead'])} "
            f"| {row['executed_share']:.0%} |"
        )
    return "\n".join(lines)


def tables(found: dict[str, Any]) -> str:
    """Quality per byte."""
    lines = heading("item table", "bytes", "of fp32", "NDCG@10", "std over seeds", "of ours, full", "tiles lead by")
    for row in found["tables"]:
        lines.append(
            f"| {row['label']} | {row['bytes']:,} | {row['share']:.1%} | {interval(row['ndcg'])} | {spread_of(row)} "
            f"| {row['relative']:.1%} | {lead_of(row)} |"
        )
    return "\n".join(lines)


def user_groups(found: dict[str, Any]) -> str:
    """One shared table beside tables of user groups."""
    lines = heading("item tables", "users of the smallest group", "NDCG@10", "std over seeds", "leads shared table by")
    for row in found["user_groups"]:
        label = "one shared table" if row["groups"] == 1 else f"{row['groups']} user groups"
        lines.append(f"| {label} | {row['smallest']:,} | {interval(row['ndcg'])} | {spread_of(row)} | {lead_of(row)} |")
    return "\n".join(lines)


def of(found: dict[str, Any], name: str) -> str:
    """NDCG@10 of one way to rank."""
    return f"{_row(found, name)['ndcg']['mean']:.4f}"


def lead(found: dict[str, Any], name: str) -> str:
    """How much the adapted net leads one way to rank by."""
    return signed(_row(found, name)["lead"])


def share(found: dict[str, Any], name: str, of_name: str) -> str:
    """NDCG@10 of one way to rank as a share of another's."""
    return f"{_row(found, name)['ndcg']['mean'] / _row(found, of_name)['ndcg']['mean']:.1%}"


def executed(found: dict[str, Any]) -> str:
    """Share of blocks that the adapted net executes."""
    return f"{_row(found, 'adapted')['executed_share']:.0%}"


def kept(found: dict[str, Any], method: str) -> str:
    """Share of our full table's NDCG@10 at each size of a method, in one line."""
    rows = [row for row in found["tables"] if row["method"] == method]
    return ", ".join(f"{row['relative']:.1%} at {row['share']:.1%}" for row in rows)


def _row(found: dict[str, Any], name: str) -> dict[str, Any]:
    row: dict[str, Any] = next(row for row in found["ranking"] if row["name"] == name)
    return row


def as_row(plain: dict[str, Any], kind: type[R], *, users: int) -> R:
    """A row of a report from its JSON."""
    values = {
        name: Interval(mean=value["mean"], half_width=value["high"] - value["mean"], users=users)
        if isinstance(value, dict)
        else value
        for name, value in plain.items()
    }
    return kind(**values)


def write_plots(name: str, found: dict[str, Any]) -> None:
    """One SVG for each part that was measured, on a page of its own: Markdown shows it as a picture."""
    for plot, (part, kind, draw) in PLOTS.items():
        rows = [as_row(row, kind, users=found["users"]) for row in found[part]]
        if rows:
            page = draw(rows).replace("<svg", '<svg style="background:#ffffff;color:#1c1c1e"', 1)
            (RESULTS / f"{name}-{plot}.svg").write_text(page, encoding="utf-8")


def measured() -> dict[str, dict[str, Any]]:
    """Every file of `results` by name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))}


def render() -> str:
    """The page, from the template and every file of `results`."""
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    filters = (protocol, ranking, fine_tuning, segments, tables, user_groups, of, lead, share, executed, kept)
    environment.filters |= {one.__name__: one for one in filters}
    found = {name.replace("-", "_"): results for name, results in measured().items()}
    return environment.from_string((DOCS / "results.md.j2").read_text(encoding="utf-8")).render(**found)


if __name__ == "__main__":
    for name, results in measured().items():
        write_plots(name, results)
    (DOCS / "results.md").write_text(render(), encoding="utf-8")
