"""Results of commands as plain dictionaries, for --json; docs/cli-json.md describes their keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from ofa_export.bundle.delta import Delta
    from ofa_export.bundle.envelope import Envelope
    from ofa_export.bundle.items import KnownHistory
    from ofa_export.bundle.manifest import Manifest
    from ofa_export.bundle.session_fields import SessionFields
    from ofa_export.device.loop import Device, Ranking
    from ofa_export.model.checkpoint import CheckpointConfig
    from ofa_export.planning.choose import Choice
    from ofa_export.planning.plan import Plan


def bundle_json(path: Path, bundle: Envelope) -> dict[str, Any]:
    """Describe what is inside a bundle: its manifest, and the file around it."""
    return {"file": str(path), "bytes": bundle.size, **bundle.manifest.model_dump(mode="json")}


def plan_json(plan: Plan, choice: Choice) -> dict[str, Any]:
    """Describe what a budget buys."""
    from ofa_export.converters.registry import converter_of
    from ofa_export.planning.kept_quality import way_out
    from ofa_export.planning.search import front

    fields = plan.contents.fields
    return {
        "configuration": choice.chosen.configuration.text,
        "macs": choice.chosen.macs,
        "weights": choice.chosen.weights,
        "configurations_considered": len(choice.considered),
        "front": [
            {
                "configuration": one.measured.configuration.text,
                "tiles": one.point.tiles,
                "bytes_at_least": one.bytes_at_least,
                "ndcg_at_10": one.point.ndcg,
                "macs": one.measured.macs,
            }
            for one in front(choice.considered)
        ],
        "runtime": fields.runtime.name,
        "converter": converter_of(fields.runtime.name, fields.tools),
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
        "kept_quality": {
            "share": round(plan.kept.share, 4),
            "checkpoint_ndcg_at_10": plan.kept.checkpoint,
            "nearest_budget_bytes": None if plan.kept.enough else way_out(plan, choice.considered)[0],
        },
        "precision_cost": {**choice.cost.model_dump(), "beyond_promise": choice.beyond_promise},
        "alternatives": [vars(point) for point in plan.alternatives],
        "recipe": plan.recipe.plain(),
    }


def made_json(path: Path, size: int, manifest: Manifest) -> dict[str, Any]:
    """Describe a bundle that was made of another one."""
    layout, quality = manifest.embeddings, manifest.quality
    return {
        "path": str(path),
        "runtime": manifest.runtime.name,
        "group": manifest.group,
        "budget_bytes": manifest.budget_bytes,
        "bytes": size,
        "tiles_kept": layout.tiles_kept,
        "tiles_total": layout.tiles_total,
        "ndcg_at_10": {
            "expected": quality.ndcg_at_10.expected(layout.tiles_kept),
            "full_table": quality.ndcg_at_10.full_table,
            "users": quality.users,
        },
    }


def delta_json(path: Path, delta: Delta) -> dict[str, Any]:
    """Describe what a delta carries, and between which bundles."""
    fields = delta.fields
    return {
        "path": str(path),
        "bytes": delta.bytes,
        "base": fields.base.model_dump(),
        "result": fields.result.model_dump(),
        "entries": [
            {"name": change.name, "kept_bytes": change.kept, "added_bytes": change.bytes - change.kept}
            for change in fields.entries
        ],
    }


def session_json(path: Path, size: int, fields: SessionFields) -> dict[str, Any]:
    """Describe what is inside a session pack: its own description, and the file around it."""
    return {"file": str(path), "bytes": size, **fields.model_dump(mode="json")}


def ranking_json(device: Device, known: KnownHistory, ranking: Ranking) -> dict[str, Any]:
    """Describe a ranking for one shopper."""
    items, manifest = device.items, device.bundle.manifest
    seen = known.rows[-manifest.shapes.history_length :]

    def named(rows: Sequence[int]) -> list[dict[str, Any]]:
        return [
            {"item_id": items.key(row), "title": items.title(row), "from_session": bool(sent)}
            for row, sent in zip(rows, items.from_pack(rows), strict=True)
        ]

    best = zip(named(ranking.rows.tolist()), ranking.scores, strict=True)
    return {
        "runtime": manifest.runtime.name,
        "session_items": len(items.pack_rows),
        "history": named(seen),
        "older_items": len(known.rows) - len(seen),
        "unknown_items": list(known.unknown),
        "gates": [int(gate) for gate in ranking.adaptation.gates],
        "blocks_run": list(ranking.adaptation.blocks_run),
        "items": [{**item, "score": float(score)} for item, score in best],
        "milliseconds": {name: round(value, 4) for name, value in ranking.milliseconds.items()},
    }


def trained_json(path: Path, config: CheckpointConfig, *, seed: int) -> dict[str, Any]:
    """Describe a trained checkpoint and what each stage measured."""
    return {
        "path": str(path),
        "items": config.model.items,
        "seed": seed,
        "measured": config.training["measured"],
        "validation_ndcg_at_10": config.training["probe_ndcg_at_10"],
    }
