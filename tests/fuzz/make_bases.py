"""Writes the sound files of the corpus: `python make_bases.py`. Only a change of the format is a reason to run it."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from files import CORPUS
from judge import StandIn

from ofa_export.bundle.archive import write_archive
from ofa_export.bundle.codes import encode
from ofa_export.bundle.delta import make_delta
from ofa_export.bundle.items import ItemCatalogue, items_entry
from ofa_export.bundle.manifest import (
    DataSource,
    ManifestFields,
    NdcgAt10,
    Quality,
    Ranking,
    Runtime,
    Shapes,
    TilesQuality,
)
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.selftest import SelfTest
from ofa_export.bundle.session_pack import SessionPack
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.tile_order import plane_order
from ofa_export.bundle.writer import BundleContents, bundle_entries
from ofa_export.device.loop import Device

T, d, L, C, P, V = 6, 16, 3, 4, 5, 23
GROUP_SIZES = (8, 8, 7)
BUDGET = 50_000
KEPT_TILES = 33
CHECKPOINT = "ab" * 32

LICENCE = 'CC0, "für alle"\n\x01\x7f\u2028😀'
"""Characters that writers of JSON differ in."""

FIELDS = ManifestFields(
    model_id="toy",
    group="all",
    runtime=Runtime(name="toy", minimum_version="1.0"),
    precision="fp32",
    shapes=Shapes(history_length=T, width=d, depth=L, candidates=C, theta_size=P),
    quality=Quality(
        ndcg_at_10=NdcgAt10(
            full_table="0.2092",
            by_tiles=(TilesQuality(tiles=6, ndcg_at_10="0.1234"), TilesQuality(tiles=48, ndcg_at_10="0.2090")),
        ),
        users=40,
    ),
    ranking=Ranking(exclude_history=True),
    recipe='{"precision": "fp32", "rates": [1e-05, 0.5]}',
    tools={"numpy": "2.0"},
    checkpoint_sha256=CHECKPOINT,
    data=DataSource(name="toy", licence=LICENCE),
)


def main() -> None:
    """Write the bundle, a session pack for it, and the delta to the bundle with every tile."""
    encoded = encode(np.random.default_rng(1).normal(size=(V, d)).astype(np.float32), group_sizes=GROUP_SIZES)
    table = ElasticTable.from_encoded(encoded, plane_order(len(GROUP_SIZES), d // 8))
    contents = BundleContents(
        graph_entry="graphs.toy",
        graphs=bytes(range(200)),
        table=table,
        items_entry=items_entry([f"K{row}" for row in range(V)], [f"Täßchen {row}" for row in range(V)]),
        selftest=untrue_selftest(table),
        min_snr_db=60.0,
        model_card="# Toy\nNothing real.\n",
        fields=FIELDS,
    )
    contents = replace(contents, selftest=true_selftest(contents))
    small, large = (archived(bundle_entries(contents, tiles=n, budget=BUDGET)) for n in (KEPT_TILES, len(table.order)))
    rows = np.array([1, 9, 20, 22])
    pack_items = ItemCatalogue(keys=("K1", "new", "K20", "newer"), titles=("Täßchen 1", "", "Täßchen 20", "Neu"))
    pack = SessionPack.of_rows(encoded, rows, pack_items, checkpoint_sha256=CHECKPOINT, group="all")
    delta = make_delta(memoryview(small), memoryview(large))
    for name, data in (
        ("toy.ofab", small),
        ("toy.ofas", archived(pack.entries())),
        ("toy.ofad", archived(delta.entries())),
    ):
        (CORPUS / name).write_bytes(data)


def archived(entries: list) -> bytes:
    """The archive of these entries."""
    stream = io.BytesIO()
    write_archive(stream, entries)
    return stream.getvalue()


def untrue_selftest(table: ElasticTable) -> SelfTest:
    """Real inputs, expected outputs of zero."""
    rows = table.all_rows().astype(np.float16)
    histories, candidates = ([0], [3, 1], [5, 6, 7, 8, 9, 22]), rows[[2, 4, 6]]
    return SelfTest(
        rows=np.concatenate([rows[history] for history in histories]),
        lengths=np.array([len(history) for history in histories], np.int32),
        candidates=candidates,
        gates=np.zeros((3, L), np.float32),
        keep_logits=np.zeros((3, L, 2), np.float32),
        scores=np.zeros((3, 3), np.float32),
        tile_items=np.array([0, 11, 22], np.int32),
        tile_codes=table.codes([0, 11, 22]),
    )


def true_selftest(contents: BundleContents) -> SelfTest:
    """The same with what the stand-in for the graphs gives."""
    data = archived(bundle_entries(contents, tiles=len(contents.table.order), budget=BUDGET))
    bundle = Bundle(memoryview(data))
    device, test = Device(bundle, StandIn(bundle.manifest)), contents.selftest
    adapted, scores = [], []
    for case in range(test.cases):
        adapted.append(device.adapt_embeddings(test.history(case)))
        scores.append(device.score_embeddings(test.candidates.astype(np.float32)))
    return replace(
        test,
        gates=np.stack([each.gates for each in adapted]),
        keep_logits=np.stack([each.keep_logits for each in adapted]),
        scores=np.stack(scores),
    )


if __name__ == "__main__":
    main()
