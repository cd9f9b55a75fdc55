"""The page docs/results.md and its plots, from what `ofa-export evaluate --json` printed into docs/results.

Run: python docs/make_results.py
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, StrictUndefined

from ofa_export.evaluation.plots import bytes_plot, orders_plot, ranking_plot, segments_plot
from ofa_export.evaluation.summary import ByteRow, FineTunedRow, GroupRow, Row, SegmentRow
from ofa_export.ranking.metrics import Interval

DOCS = Path(__file__).parent
RESULTS = DOCS / "results"

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Result:
    """One evaluation, read back from its JSON.

    Args:
        head: data, split, users, items, seeds and positions per user.
        ranking: every way to rank, `adapted` first after the baselines.
        fine_tuning: gradient steps per user.
        segments: kinds of users.
        tables: quality per byte.
        user_groups: tables of user groups.
    """

    head: dict[str, Any]
    ranking: tuple[Row, ...]
    fine_tuning: tuple[FineTunedRow, ...]
    segments: tuple[SegmentRow, ...]
    tables: tuple[ByteRow, ...]
    user_groups: tuple[GroupRow, ...]

    def __getitem__(self, name: str) -> Row:
        return next(row for row in self.ranking if row.name == name)


def read_result(path: Path) -> Result:
    """Read what one file of `results` holds."""
    found = json.loads(path.read_text(encoding="utf-8"))
    kinds = {
        "ranking": Row,
        "fine_tuning": FineTunedRow,
        "segments": SegmentRow,
        "tables": ByteRow,
        "user_groups": GroupRow,
    }
    rows = {
        part: tuple(_row(plain, kind, users=found["users"]) for plain in found.pop(part))
        for part, kind in kinds.items()
    }
    return Result(head=found, **rows)


def _row(plain: dict[str, Any], kind: Callable[..., R], *, users: int) -> R:
    return kind(
        **{name: _interval(value, users) if isinstance(value, dict) else value for name, value in plain.items()}
    )


def _interval(plain: dict[str, float], users: int) -> Interval:
    return Interval(mean=plain["mean"], half_width=plain["high"] - plain["mean"], users=users)


def protocol(found: Result) -> str:
    """Return what was ranked, in a sentence."""
    head = found.head
    last = "last item" if head["positions_per_user"] == 1 else f"last {head['positions_per_user']} items"
    seeds = ", ".join(str(seed) for seed in head["seeds"])
    return (
        f"`{head['data']}`, {head['split']} split: the {last} of each of {head['users']:,} users, ranked among all "
        f"{head['items']:,} items; seed{'s' * (len(head['seeds']) > 1)} {seeds}."
    )


def ranking(found: Result) -> str:
    """Write the table of all ways to rank."""
    return _table(
        ("way to rank", "NDCG@10", "std over seeds", "HR@10", "adapted leads by", "blocks executed"),
        (
            (
                f"**{row.label}**" if row.name == "adapted" else row.label,
                str(row.ndcg),
                _spread(row.spread),
                f"{row.hits.mean:.4f}",
                _lead(row.lead),
                "" if row.executed_share is None else f"{row.executed_share:.0%} in {row.gate_patterns} ways",
            )
            for row in found.ranking
        ),
    )


def fine_tuning(found: Result) -> str:
    """One pass beside gradient steps."""
    return _table(
        ("gradient steps", "rate", "NDCG@10", "gain", "adapted leads by", "ms", "one pass, ms", "ratio"),
        (
            (
                str(row.steps),
                ", ".join(f"{rate:g}" for rate in sorted(set(row.learning_rates))),
                str(row.ndcg),
                row.gain.signed,
                row.lead.signed,
                f"{row.fine_tuning_ms:.1f}",
                f"{row.one_pass_ms:.2f}",
                f"{row.ratio:.0f} x",
            )
            for row in found.fine_tuning
        ),
    )


def segments(found: Result) -> str:
    """Where adapting pays."""
    return _table(
        ("users by", "which", "users", "static net", "adapted leads by", "blocks executed"),
        (
            (row.trait, row.label, f"{row.users:,}", f"{row.static:.4f}", row.lead.signed, f"{row.executed_share:.0%}")
            for row in found.segments
        ),
    )


def tables(found: Result) -> str:
    """Quality per byte of the nets that were trained for small tables."""
    return _tables([row for row in found.tables if row.retrained])


def orders(found: Result) -> str:
    """Quality per byte of whole blocks that were dropped without retraining."""
    return _tables([row for row in found.tables if not row.retrained])


def _tables(rows: Sequence[ByteRow]) -> str:
    return _table(
        ("item table", "bytes", "of fp32", "NDCG@10", "std over seeds", "of ours, full", "tiles lead by"),
        (
            (
                row.label,
                f"{row.bytes:,}",
                f"{row.share:.1%}",
                str(row.ndcg),
                _spread(row.spread),
                f"{row.relative:.1%}",
                _lead(row.lead),
            )
            for row in rows
        ),
    )


def user_groups(found: Result) -> str:
    """One shared table beside tables of user groups."""
    return _table(
        ("item tables", "users of the smallest group", "NDCG@10", "leads the shared table by"),
        (
            (
                "one shared table" if row.groups == 1 else f"{row.groups} user groups",
                f"{row.smallest:,}",
                str(row.ndcg),
                _lead(row.lead),
            )
            for row in found.user_groups
        ),
    )


def kept(found: Result, method: str) -> str:
    """Share of our full table's NDCG@10 at each size of a method, in one line."""
    return ", ".join(f"{row.relative:.1%} at {row.share:.1%}" for row in found.tables if row.method == method)


def at(found: Result, method: str, share: float) -> str:
    """NDCG@10 of a method at the size nearest to a share of the fp32 table's bytes."""
    rows = [row for row in found.tables if row.method == method]
    return f"{min(rows, key=lambda row: abs(row.share - share)).ndcg.mean:.4f}"


def relative(found: Result, name: str, to: str) -> str:
    """NDCG@10 of one way to rank as a share of another's."""
    return percent(found[name].ndcg.mean / found[to].ndcg.mean)


def percent(share: float) -> str:
    """Write a share for people."""
    return f"{share:.1%}".replace("%", " %")


def times(found: Result, steps: int) -> str:
    """How much longer gradient steps take than the one pass."""
    return f"{_steps(found, steps).ratio:.0f} x"


def lead_over_steps(found: Result, steps: int) -> str:
    """Return what the one pass leads gradient steps by."""
    return _steps(found, steps).lead.signed


def _steps(found: Result, steps: int) -> FineTunedRow:
    return next(row for row in found.fine_tuning if row.steps == steps)


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, without columns that are empty in every row."""
    filled = list(rows)
    used = [column for column in range(len(heading)) if any(row[column] for row in filled)]
    lines = [heading, ["---"] * len(heading), *filled]
    return "\n".join("| " + " | ".join(line[column] for column in used) + " |" for line in lines)


def _spread(spread: float | None) -> str:
    return "" if spread is None else f"{spread:.4f}"


def _lead(lead: Interval | None) -> str:
    return "" if lead is None else lead.signed


def plots(found: Result) -> dict[str, str]:
    """SVGs of whatever was measured, each on a page of its own: Markdown shows them as pictures."""
    drawn = {"ranking": ranking_plot(found.ranking)}
    if found.segments:
        drawn["segments"] = segments_plot(found.segments)
    if len({row.method for row in found.tables}) > 2:
        drawn |= {"bytes": bytes_plot(found.tables), "orders": orders_plot(found.tables)}
    return {
        name: svg.replace("<svg", '<svg style="background:#ffffff;color:#1c1c1e"', 1) for name, svg in drawn.items()
    }


def render(results: dict[str, Result]) -> str:
    """Render the page from the template and every result."""
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    filters = (
        protocol,
        ranking,
        fine_tuning,
        segments,
        tables,
        orders,
        user_groups,
        kept,
        at,
        relative,
        percent,
        times,
        lead_over_steps,
    )
    environment.filters |= {one.__name__: one for one in filters}
    template = environment.from_string((DOCS / "results.md.j2").read_text(encoding="utf-8"))
    return template.render(**{name.replace("-", "_"): found for name, found in results.items()})


def main() -> None:
    """Write the page and the plots that it shows."""
    results = {path.stem: read_result(path) for path in sorted(RESULTS.glob("*.json"))}
    page = render(results)
    (DOCS / "results.md").write_text(page, encoding="utf-8")
    for name, found in results.items():
        for plot, svg in plots(found).items():
            if f"results/{name}-{plot}.svg" in page:
                (RESULTS / f"{name}-{plot}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
