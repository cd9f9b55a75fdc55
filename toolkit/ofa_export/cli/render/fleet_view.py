"""A fleet for people and for programs."""

from __future__ import annotations

import shlex
from typing import Any

from ofa_export.cli.render.columns import columns
from ofa_export.cli.render.console import print_out
from ofa_export.fleet.make_fleet import MadeFleet


def print_fleet(made: MadeFleet, *, url: str, stored: int) -> None:
    """Every bundle, what storing entries once saves, and what was damaged.

    Args:
        made: the fleet.
        url: where it is stored.
        stored: bytes of all that is stored.
    """
    index = made.index
    rows = [
        (one.name, f"{one.bytes:,}", f"{one.budget_bytes:,}", f"{one.tiles}/{one.tiles_total}", one.ndcg_at_10 or "")
        for one in index.bundles
    ]
    print_out(*columns([("bundle", "bytes", "budget", "tiles", "NDCG@10"), *rows], align="<>>>>"))
    total = sum(one.bytes for one in index.bundles)
    print_out("", f"{url}: {len(rows)} bundles of {total:,} bytes, stored in {stored:,} ({stored / total:.0%})")
    if made.made_again:
        print_out(f"Made again, as other bytes were there: {', '.join(made.made_again)}")
    print_out(f"Take one out with: ofa-export collect {shlex.quote(url)} {shlex.quote(rows[0][0])}")


def fleet_json(made: MadeFleet, *, url: str, stored: int) -> dict[str, Any]:
    """Describe the same for programs."""
    total = sum(one.bytes for one in made.index.bundles)
    return {
        "url": url,
        **made.index.model_dump(mode="json"),
        "bundle_bytes": total,
        "stored_bytes": stored,
        "made_again": list(made.made_again),
    }
