"""Check of the ranking quality that a manifest promises: it is measured again, as the promise was."""

from __future__ import annotations

from ofa_export.bundle.manifest import ManifestFields
from ofa_export.bundle.table import ElasticTable
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.precision import Precision
from ofa_export.ranking.table_ranks import FullTable, ItemTable
from ofa_export.ranking.validation_scores import ValidationScores
from ofa_export.validation.finding import Finding, at_most
from ofa_export.validation.tolerance import Limit


def quality_finding(
    manifest: ManifestFields,
    *,
    trained: Checkpoint,
    rounded: Checkpoint,
    table: ElasticTable,
    precision: Precision,
    limit: Limit,
) -> Finding:
    """`bundle.quality.max_ndcg_err`: the promise for the full table and for the tiles that are kept.

    Args:
        manifest: of the bundle.
        trained: the checkpoint with all of its items; the full table is all of them, whatever the bundle leaves out.
        rounded: with the bundle's items, where those left out count as missed, and the network as its precision rounds.
        table: the table that the bundle has to hold.
        precision: of the bundle's layers.
        limit: largest difference of NDCG@10.
    """
    group, promised = int(manifest.group), manifest.quality.ndcg_at_10

    def again(checkpoint: Checkpoint, items: ItemTable) -> float:
        scores = ValidationScores(checkpoint, group=group, tables=[items])
        return scores.qualities(rounded.model, precision)[0][0]

    found = [("the full table", promised.full_table, again(trained, FullTable(trained.table(group))))]
    measured = [each for each in promised.by_tiles if each.tiles <= table.tile_count]
    if measured:
        most = measured[-1]
        found.append((f"{most.tiles} tiles", most.ndcg_at_10, again(rounded, table.with_tiles(most.tiles))))
    texts = [f"{text} for {name}, measured {value:.4f}" for name, text, value in found]
    return at_most(
        "bundle.quality.max_ndcg_err",
        max(abs(float(text) - value) for _, text, value in found),
        limit.limit,
        "ndcg",
        f"NDCG@10 that the manifest promises: {'; '.join(texts)} again.",
    )
