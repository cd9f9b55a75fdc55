"""What commands show: tables for people, plain dictionaries for --json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ofa_export.bundle.device import Ranking
    from ofa_export.bundle.items import KnownHistory
    from ofa_export.bundle.manifest import Manifest
    from ofa_export.bundle.reader import Bundle
    from ofa_export.model.checkpoint import CheckpointConfig
    from ofa_export.planning.plan import Plan

BASELINES = {"popularity": "most popular items", "markov": "first-order Markov", "static": "static net"}


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def _table(*columns: str, title: str | None = None) -> Table:
    """A table whose columns after the first are numbers, aligned to the right."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    return table


def print_bundle(path: str, size: int, manifest: Manifest) -> None:
    """A bundle's parts, tiles and provenance."""
    layout, quality, console = manifest.embeddings, manifest.quality, _console()
    console.print(f"{path}: {size:,} bytes of a budget of {manifest.budget_bytes:,}", style="bold")
    parts = _table("part", "bytes", "share")
    listed = sum(entry.bytes for entry in manifest.entries)
    for name, count in [*((e.name, e.bytes) for e in manifest.entries), ("manifest and archive", size - listed)]:
        parts.add_row(name, f"{count:,}", f"{count / size:.1%}")
    console.print(parts)
    facts = _table("", "")
    facts.columns[1].justify = "left"
    expected = quality.ndcg_at_10.expected(layout.tiles_kept)
    for name, value in (
        ("model", f"{manifest.model_id}, user group {manifest.group}"),
        (
            "runtime",
            f"{manifest.runtime.name} {manifest.runtime.minimum_version} or newer, {manifest.precision} graphs",
        ),
        ("graphs", ", ".join(graph.name for graph in manifest.graphs)),
        ("items", f"{layout.items:,} x {layout.width} in {len(layout.group_sizes)} groups"),
        ("tiles", f"{layout.tiles_kept} of {layout.tiles_total}, order {layout.order}"),
        ("NDCG@10", f"{expected} expected, {quality.ndcg_at_10.full_table} full table ({quality.users} histories)"),
        ("data", f"{manifest.data.name}, {manifest.data.licence}"),
        ("checkpoint", manifest.checkpoint_sha256),
        ("made with", ", ".join(f"{name} {version}" for name, version in sorted(manifest.tools.items()))),
    ):
        facts.add_row(name, value)
    console.print(facts)


def plan_json(plan: Plan) -> dict[str, Any]:
    """A plan for --json."""
    fields = plan.contents.fields
    return {
        "backend": fields.runtime.name,
        "group": fields.group,
        "budget_bytes": plan.budget,
        "bytes": plan.bytes,
        "budget_binds": plan.binds,
        "parts": {part.name: part.bytes for part in plan.parts},
        "tiles_kept": plan.tiles,
        "tiles_total": plan.contents.table.tile_count,
        "ndcg_at_10": {
            "expected": plan.ndcg_at_10,
            "full_table": fields.quality.ndcg_at_10.full_table,
            "users": fields.quality.users,
        },
        "alternatives": [vars(point) for point in plan.alternatives],
        "recipe": plan.recipe.model_dump(mode="json"),
    }


def print_plan(plan: Plan) -> None:
    """Where the bytes go, and what other budgets would give."""
    fields, console = plan.contents.fields, _console()
    console.print(
        f"{fields.runtime.name}: {plan.bytes:,} bytes of a budget of {plan.budget:,}, "
        f"{plan.tiles} of {plan.contents.table.tile_count} tiles, NDCG@10 {plan.ndcg_at_10} or a little more "
        f"(full table {fields.quality.ndcg_at_10.full_table})",
        style="bold",
    )
    parts = _table("part", "bytes", "share")
    for part in plan.parts:
        parts.add_row(part.name, f"{part.bytes:,}", f"{part.bytes / plan.bytes:.1%}")
    console.print(parts)
    points = _table("budget", "tiles", "NDCG@10", "")
    for point in plan.alternatives:
        here = (
            "<- this plan"
            if point.tiles == max((p.tiles for p in plan.alternatives if p.tiles <= plan.tiles), default=None)
            else ""
        )
        points.add_row(f"{point.budget_bytes:,}", str(point.tiles), point.ndcg_at_10, here)
    console.print(points)


def print_bundles(made: Sequence[tuple[Path, Plan]]) -> None:
    """The bundles that were written."""
    table = _table("bundle", "bytes", "budget", "tiles", "NDCG@10", "full table")
    for path, plan in made:
        table.add_row(
            str(path),
            f"{plan.bytes:,}",
            f"{plan.budget:,}",
            f"{plan.tiles}/{plan.contents.table.tile_count}",
            str(plan.ndcg_at_10),
            str(plan.contents.fields.quality.ndcg_at_10.full_table),
        )
    _console().print(table)


def ranking_json(bundle: Bundle, known: KnownHistory, ranking: Ranking) -> dict[str, Any]:
    """A ranking for --json."""
    items = bundle.items
    return {
        "runtime": bundle.manifest.runtime.name,
        "history": [{"item_id": items.keys[row], "title": items.titles[row]} for row in known.rows],
        "unknown_items": list(known.unknown),
        "gates": [int(gate) for gate in ranking.adaptation.gates],
        "blocks_run": list(ranking.adaptation.blocks_run),
        "items": [
            {"item_id": items.keys[row], "title": items.titles[row], "score": float(score)}
            for row, score in zip(ranking.rows, ranking.scores, strict=True)
        ],
        "milliseconds": {name: round(value, 4) for name, value in ranking.milliseconds.items()},
    }


def print_ranking(bundle: Bundle, known: KnownHistory, ranking: Ranking) -> None:
    """The shopper's history, the blocks that ran, the best items and the time."""
    items, console, adaptation = bundle.items, _console(), ranking.adaptation
    if known.unknown:
        console.print(f"Not in this bundle, left out: {', '.join(known.unknown)}", style="yellow")
    bought = _table("history (oldest first)", "")
    bought.columns[1].justify = "left"
    for row in known.rows[-bundle.manifest.shapes.history_length :]:
        bought.add_row(items.keys[row], items.titles[row])
    console.print(bought)
    blocks = ", ".join(
        f"block_{index} {'on' if gate else 'off'} ({logits[1] - logits[0]:+.2f})"
        for index, (gate, logits) in enumerate(zip(adaptation.gates, adaptation.keep_logits, strict=True))
    )
    console.print(f"\nblocks: {blocks}")
    spent = ", ".join(f"{name} {value:.2f}" for name, value in ranking.milliseconds.items())
    console.print(f"{sum(ranking.milliseconds.values()):.2f} ms on {bundle.manifest.runtime.name}: {spent}\n")
    table = _table("rank", "score", "item", "title")
    table.columns[2].justify = table.columns[3].justify = "left"
    for place, (row, score) in enumerate(zip(ranking.rows, ranking.scores, strict=True), start=1):
        table.add_row(str(place), f"{score:.3f}", items.keys[row], items.titles[row])
    console.print(table)


def print_trained(path: str, config: CheckpointConfig) -> None:
    """What training made and measured."""
    measured, console = config.training["measured"], _console()
    console.print(
        f"{path}: {config.model.items:,} items x {config.model.width}, depth {config.model.depth}", style="bold"
    )
    table = _table("validation", "NDCG@10")
    for name, value in measured["baselines"].items():
        table.add_row(BASELINES.get(name, name), f"{value:.4f}")
    table.add_row(
        f"adapted, {measured['mapper']['executed_share']:.0%} of blocks", f"{measured['mapper']['validation']:.4f}"
    )
    console.print(table)
