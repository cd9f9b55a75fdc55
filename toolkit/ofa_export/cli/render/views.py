"""Output of the commands for people; `results` has the same for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ofa_export.cli.render.columns import columns
from ofa_export.cli.render.console import print_out

if TYPE_CHECKING:
    from ofa_export.bundle.delta import Delta
    from ofa_export.bundle.items import KnownHistory
    from ofa_export.bundle.manifest import Manifest, Quality
    from ofa_export.bundle.session_fields import SessionFields
    from ofa_export.device.loop import Device, Ranking
    from ofa_export.model.checkpoint import CheckpointConfig
    from ofa_export.planning.choose import Choice
    from ofa_export.planning.plan import Plan

MODELS = {"popularity": "most popular items", "markov": "first-order Markov", "static": "static net"}

THIS = "<- this plan"

ON_PHONES = {"litert": "TensorFlow Lite (now LiteRT) for Android", "executorch": "ExecuTorch for Android"}
"""Products whose versions a manifest names; Python packages of the same runtime count theirs apart."""

BUNDLE_HEADING = ("bundle", "bytes", "budget", "tiles", "NDCG@10", "full table")


def print_bundle(path: str, size: int, manifest: Manifest) -> None:
    """Print a bundle's parts, tiles and provenance."""
    layout, quality = manifest.embeddings, manifest.quality.ndcg_at_10
    facts = {
        "model": f"{manifest.model_id}, user group {manifest.group}",
        "runtime": f"{manifest.runtime.name}, {manifest.precision} graphs",
        "on a phone": f"{ON_PHONES.get(manifest.runtime.name, manifest.runtime.name)} "
        f"{manifest.runtime.minimum_version} or newer",
        "graphs": ", ".join(graph.name for graph in manifest.graphs),
        "items": f"{layout.items:,} x {layout.width} dimensions in {len(layout.group_sizes)} groups",
        "tiles": f"{layout.tiles_kept} of {layout.tiles_total}, order {layout.order}",
        "NDCG@10": f"{quality.expected(layout.tiles_kept)} expected, {quality.full_table} with the unquantised table "
        f"({manifest.quality.measured_on})",
        "data": f"{manifest.data.name}, {manifest.data.licence}",
        "checkpoint": manifest.checkpoint_sha256,
        "made with": f"Python packages {', '.join(map(' '.join, sorted(manifest.tools.items())))}",
    }
    print_out(f"{path}: {size:,} bytes of a budget of {manifest.budget_bytes:,}", "")
    print_out(*_parts(manifest.parts(size), size), "")
    print_out(*columns(list(facts.items()), align="<<"))


def print_plan(plan: Plan, choice: Choice) -> None:
    """Print what was chosen, where the bytes go, and what other budgets would give."""
    from ofa_export.planning.kept_quality import kept_text

    fields = plan.contents.fields
    considered = len(choice.considered)
    if considered > 1:
        print_out(f"Chosen of {considered} configurations: {choice.chosen.configuration.text}")
    print_out(
        f"{fields.runtime.name}: {plan.bytes:,} bytes of a budget of {plan.budget:,}, "
        f"{plan.tiles} of {plan.contents.table.tile_count} tiles",
        f"NDCG@10 {plan.ndcg_at_10} expected, {fields.quality.ndcg_at_10.full_table} with the unquantised table",
        kept_text(plan, choice.considered),
        *([choice.beyond_promise] if choice.beyond_promise else []),
        *_unless_real(fields.quality),
        "",
    )
    print_out(*_parts([(part.name, part.bytes) for part in plan.parts], plan.bytes), "")
    rows = [(f"{point.budget_bytes:,}", str(point.tiles), point.ndcg_at_10, "") for point in plan.alternatives]
    measured = [point.tiles for point in plan.alternatives]
    if plan.tiles in measured:
        at = measured.index(plan.tiles)
        rows[at] = (*rows[at][:3], THIS)
    else:
        # Between two measured points it ranks about as the lower one, or better.
        at = sum(tiles < plan.tiles for tiles in measured)
        rows.insert(at, (f"{plan.bytes:,}", str(plan.tiles), f"≥ {plan.ndcg_at_10}", THIS))
    print_out(*columns([("budget", "tiles", "NDCG@10", ""), *rows], align=">>><"))
    if considered > 1:
        print_out(
            "", "Configurations that no other beats; their files are somewhat larger than their weights and tiles", ""
        )
        print_out(*_front(choice))


def _front(choice: Choice) -> list[str]:
    from ofa_export.planning.search import front

    rows = [
        (
            f"{one.bytes_at_least:,}",
            f"{one.point.ndcg:.4f}",
            f"{one.measured.macs / 1e6:.2f} M",
            str(one.point.tiles),
            one.measured.configuration.text,
        )
        for one in front(choice.considered)
    ]
    return columns([("weights + tiles", "NDCG@10", "MACs", "tiles", "configuration"), *rows], align=">>>><")


def print_bundles(made: Sequence[tuple[Path, Plan, Choice]]) -> None:
    """Print the bundles that were written, and what share of the checkpoint's quality each keeps."""
    from ofa_export.planning.kept_quality import kept_text

    rows = [
        (
            str(path),
            f"{plan.bytes:,}",
            f"{plan.budget:,}",
            f"{plan.tiles}/{plan.contents.table.tile_count}",
            str(plan.ndcg_at_10),
            plan.contents.fields.quality.ndcg_at_10.full_table,
        )
        for path, plan, _ in made
    ]
    print_out(*columns([BUNDLE_HEADING, *rows], align="<>>>>>"), "")
    texts: dict[str, list[str]] = {}
    for path, plan, choice in made:
        for text in (kept_text(plan, choice.considered), choice.beyond_promise):
            if text is not None:
                texts.setdefault(text, []).append(path.name)
    for text, names in texts.items():
        print_out(text if len(names) == len(made) else f"{', '.join(names)}: {text}")
    print_out(*_unless_real(made[0][1].contents.fields.quality))


def _unless_real(quality: Quality) -> list[str]:
    return [] if quality.users else [f"NDCG@10 is measured on {quality.measured_on}."]


def print_made(path: Path, size: int, manifest: Manifest) -> None:
    """Print a bundle that was made of another one, as `print_bundles` shows those made of a checkpoint."""
    layout, quality = manifest.embeddings, manifest.quality.ndcg_at_10
    row = (
        str(path),
        f"{size:,}",
        f"{manifest.budget_bytes:,}",
        f"{layout.tiles_kept}/{layout.tiles_total}",
        str(quality.expected(layout.tiles_kept)),
        quality.full_table,
    )
    print_out(*columns([BUNDLE_HEADING, row], align="<>>>>>"))
    print_out(*_unless_real(manifest.quality))


def print_delta(path: Path, delta: Delta) -> None:
    """Print what a delta carries."""
    result, changes = delta.fields.result, delta.fields.entries
    rows = [(change.name, f"{change.kept:,}", f"{change.bytes - change.kept:,}") for change in changes]
    overhead = delta.bytes - sum(change.bytes - change.kept for change in changes)
    share = f"{delta.bytes / result.bytes:.1%}".replace("%", " %")
    print_out(f"{path}: {delta.bytes:,} bytes, {share} of the {result.bytes:,} bytes that it makes", "")
    heading, last = ("entry", "kept", "added"), ("delta.json and archive", "", f"{overhead:,}")
    print_out(*columns([heading, *rows, last], align="<>>"))


def print_session(path: str, size: int, fields: SessionFields) -> None:
    """Print a session pack's parts and where its items come from."""
    listed = [(entry.name, entry.bytes) for entry in fields.entries]
    overhead = ("session.json and archive", size - sum(count for _, count in listed))
    layout = fields.candidates
    facts = {
        "items": f"{layout.items:,} x {layout.width} dimensions, of {len(layout.group_sizes)} item groups",
        "user group": fields.group,
        "checkpoint": fields.checkpoint_sha256,
    }
    print_out(f"{path}: {size:,} bytes, {size / layout.items:,.0f} for each item", "")
    print_out(*_parts([*listed, overhead], size), "")
    print_out(*columns(list(facts.items()), align="<<"))


def print_ranking(device: Device, known: KnownHistory, ranking: Ranking) -> None:
    """Print the shopper's history, the blocks that ran, the best items and the time."""
    items, manifest, adaptation = device.items, device.bundle.manifest, ranking.adaptation
    seen = known.rows[-manifest.shapes.history_length :]
    if known.unknown:
        print_out(f"Left out, not in this bundle{' or session' if items.pack else ''}: {', '.join(known.unknown)}")
    if len(seen) < len(known.rows):
        print_out(f"Left out, older than the last {len(seen)}: {len(known.rows) - len(seen)} items")
    print_out("History, oldest first")
    print_out(*columns([(f"  {items.key(row)}", items.title(row)) for row in seen], align="<<"), "")
    blocks = ", ".join(
        f"block_{index} {'on' if gate else 'off'} ({logits[1] - logits[0]:+.2f})"
        for index, (gate, logits) in enumerate(zip(adaptation.gates, adaptation.keep_logits, strict=True))
    )
    spent = ", ".join(f"{name} {value:.2f}" for name, value in ranking.milliseconds.items())
    print_out(f"Blocks: {blocks}")
    print_out(f"{sum(ranking.milliseconds.values()):.2f} ms on {manifest.runtime.name}: {spent}", "")
    best = [
        (str(place), f"{score:.3f}", items.key(row), items.title(row))
        for place, (row, score) in enumerate(zip(ranking.rows, ranking.scores, strict=True), start=1)
    ]
    if items.pack is None:
        print_out(*columns([("rank", "score", "item", "title"), *best], align=">><<"))
        return
    sources = ["session" if sent else "bundle" for sent in items.from_pack(ranking.rows)]
    print_out(f"{len(items.pack):,} items of the session, {len(items) - len(items.catalogue):,} not in the bundle", "")
    rows = [(*cells[:3], source, cells[3]) for cells, source in zip(best, sources, strict=True)]
    print_out(*columns([("rank", "score", "item", "from", "title"), *rows], align=">><<<"))


def print_trained(path: str, config: CheckpointConfig) -> None:
    """Print what training made and measured."""
    training = config.training
    names = MODELS | {"adapted": f"adapted, {training['measured']['mapper']['executed_share']:.0%} of blocks"}
    rows = [(names[name], f"{value:.4f}") for name, value in training["probe_ndcg_at_10"].items()]
    print_out(f"{path}: {config.model.items:,} items x {config.model.width}, depth {config.model.depth}", "")
    print_out(*columns([("validation", "NDCG@10"), *rows], align="<>"))


def print_imported(path: str, config: CheckpointConfig) -> None:
    """Print what an imported checkpoint is, and how good."""
    rows = [
        (MODELS[name], f"{value:.4f}") for name, value in config.training["probe_ndcg_at_10"].items() if name in MODELS
    ]
    model = config.model
    width = f"{model.normalised_width} (padded to {model.width})" if model.unpadded_width else str(model.width)
    print_out(
        f"{path}: {model.backbone}, {model.items:,} items x {width}, depth {model.depth}, heads {model.heads}", ""
    )
    print_out(*columns([("validation", "NDCG@10"), *rows], align="<>"))


def _parts(parts: Sequence[tuple[str, int]], total: int) -> list[str]:
    rows = [(name, f"{count:,}", f"{count / total:.1%}") for name, count in parts]
    return columns([("part", "bytes", "share"), *rows], align="<>>")
