"""A fleet for people and for programs."""

from __future__ import annotations

from typing import Any

from ofa_export.cli.render.columns import columns
from ofa_export.cli.render.console import print_out
from ofa_export.fleet.index import FleetIndex


def print_fleet(index: FleetIndex, *, url: str, stored: int) -> None:
    """Every bundle, and what storing entries once saves.

    Args:
        index: the plan.
        url: where it is stored.
        stored: bytes of all that is stored.
    """
    rows = [
        (one.name, f"{one.bytes:,}", f"{one.budget_bytes:,}", f"{one.tiles}/{one.tiles_total}", one.ndcg_at_10 or "")
        for one in index.bundles
    ]
    print_out(*columns([("bundle", "bytes", "budget", "tiles", "NDCG@10"), *rows], align="<>>>>"))
    total = sum(one.bytes for one in index.bundles)
    print_out("", f"{url}: {len(rows)} bundles of {total:,} bytes, stored in {stored:,} ({stored / total:.0%})")
    print_out(f"Take one out with: ofa-export collect {url} {rows[0][0]}")


def fleet_json(index: FleetIndex, *, url: str, stored: int) -> dict[str, Any]:
    """Describe the same for programs."""
    total = sum(one.bytes for one in index.bundles)
    return {"url": url, **index.model_dump(mode="json"), "bundle_bytes": total, "stored_bytes": stored}
