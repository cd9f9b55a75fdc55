"""Writes docs/results.md from what `ofa-export evaluate --json` printed. Run: python docs/make_results.py"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

DOCS = Path(__file__).parent
RESULTS = DOCS / "results"


def signed(value: dict[str, float]) -> str:
    """A paired difference and half of its 95 % interval."""
    return f"{value['mean']:+.4f} ± {(value['high'] - value['low']) / 2:.4f}"


def interval(value: dict[str, float]) -> str:
    """A mean and half of its 95 % interval."""
    return f"{value['mean']:.4f} ± {(value['high'] - value['low']) / 2:.4f}"


def heading(*names: str) -> list[str]:
    """The first two lines of a table."""
    return ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]


def ranking(found: dict[str, Any]) -> str:
    """The table of all ways to rank."""
    lines = heading("way to rank", "NDCG@10", "std over seeds", "HR@10", "adapted leads by", "blocks executed")
    for row in found["ranking"]:
        spread = "" if row["spread"] is None else f"{row['spread']:.4f}"
        lead = "" if row["lead"] is None else signed(row["lead"])
        share = "" if row["executed_share"] is None else f"{row['executed_share']:.0%} in {row['gate_patterns']} ways"
        label = f"**{row['label']}**" if row["name"] == "adapted" else row["label"]
        lines.append(f"| {label} | {interval(row['ndcg'])} | {spread} | {row['hits']['mean']:.4f} | {lead} | {share} |")
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
    lines = heading("item table", "bytes", "of fp32", "NDCG@10", "of ours, full", "tiles lead by")
    for row in found["tables"]:
        lead = "" if row["lead"] is None else signed(row["lead"])
        lines.append(
            f"| {row['label']} | {row['bytes']:,} | {row['share']:.1%} | {interval(row['ndcg'])} "
            f"| {row['relative']:.1%} | {lead} |"
        )
    return "\n".join(lines)


def render() -> str:
    """The page, from the template and every file of `results`."""
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters |= {"ranking": ranking, "fine_tuning": fine_tuning, "segments": segments, "tables": tables}
    found = {path.stem.replace("-", "_"): json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    return environment.from_string((DOCS / "results.md.j2").read_text(encoding="utf-8")).render(**found)


if __name__ == "__main__":
    (DOCS / "results.md").write_text(render(), encoding="utf-8")
