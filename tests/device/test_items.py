"""A device with a session pack: full rows in place of coarse ones, and rows that the bundle does not have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ofa_export.bundle.codes import EncodedTable
from ofa_export.bundle.items import ItemCatalogue
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.session_pack import SessionPack
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.tile_order import plane_order
from ofa_export.bundle.writer import BundleContents, write_bundle
from ofa_export.device.items import DeviceItems
from ofa_export.device.loop import Device
from ofa_export.errors import ConfigError, HistoryError, SessionPackError

V, KEPT = 23, 16
"""Items of the catalogue, and of the bundle that leaves out the last group."""
INSIDE, OUTSIDE = (2, 9), (17, 22)


@pytest.fixture
def pack(encoded: EncodedTable, contents: BundleContents) -> SessionPack:
    rows = INSIDE + OUTSIDE
    items = ItemCatalogue(
        keys=tuple(contents.items.keys[row] for row in rows), titles=tuple(contents.items.titles[row] for row in rows)
    )
    return SessionPack.of_rows(encoded, rows, items, checkpoint_sha256="ab" * 32, group="all")


@pytest.fixture
def pruned(contents: BundleContents, encoded: EncodedTable, tmp_path: Path) -> Bundle:
    """The bundle of the first two item groups, one plane of each."""
    part = replace(encoded, codes=encoded.codes[:KEPT], rms=encoded.rms[:2], group_sizes=encoded.group_sizes[:2])
    selftest = replace(contents.selftest, tile_items=np.array([0], np.int32), tile_codes=encoded.codes[:1])
    fewer = replace(
        contents,
        table=ElasticTable.from_encoded(part, plane_order(2, 2)),
        items_entry=ItemCatalogue(keys=contents.items.keys[:KEPT], titles=contents.items.titles[:KEPT]).to_bytes(),
        selftest=selftest,
    )
    write_bundle(tmp_path / "pruned.ofab", fewer, tiles=4, budget=50_000)
    return Bundle.open(tmp_path / "pruned.ofab")


@pytest.fixture
def device(pruned: Bundle, pack: SessionPack, network: Any) -> Device:
    device = Device(pruned, network)
    device.use_session(pack)
    return device


@pytest.fixture
def complete(bundle_path: Path, network: Any) -> Device:
    """The device of the bundle that holds every item with every plane."""
    return Device(Bundle.open(bundle_path), network)


def test_without_a_pack_there_are_the_items_of_the_bundle(contents: BundleContents, table: ElasticTable) -> None:
    items, rows = DeviceItems(catalogue=contents.items), [3, 0, 22]
    assert len(items) == V
    assert [items.key(row) for row in rows] == ["K3", "K0", "K22"]
    assert items.title(3) == "Täßchen 3"
    assert items.lookup(table.with_tiles(5), rows).tobytes() == table.with_tiles(5).lookup(rows).tobytes()
    assert not items.from_pack(rows).any()
    assert not len(items.pack_rows)


def test_items_that_only_the_pack_has_get_rows_after_those_of_the_bundle(device: Device) -> None:
    items = device.items
    assert len(items) == KEPT + 2
    assert [items.row_of(key) for key in ("K2", "K9", "K17", "K22", "K18")] == [2, 9, 16, 17, None]
    assert [items.key(row) for row in (2, 15, 16, 17)] == ["K2", "K15", "K17", "K22"]
    assert [items.title(row) for row in (2, 17)] == ["Täßchen 2", "Täßchen 22"]
    assert items.pack_rows.tolist() == [2, 9, 16, 17]
    assert items.from_pack(range(18)).nonzero()[0].tolist() == [2, 9, 16, 17]


def test_rows_of_the_pack_are_full_and_the_others_what_the_tiles_hold(
    device: Device, pruned: Bundle, table: ElasticTable
) -> None:
    rows = [17, 2, 0, 16, 9, 2]
    values = device.items.lookup(pruned.table, rows)
    full, coarse = table.lookup([22, 2, 0, 17, 9, 2]), pruned.table.lookup([0])
    assert values[[0, 1, 3, 4, 5]].tobytes() == full[[0, 1, 3, 4, 5]].tobytes()
    assert values[2].tobytes() == coarse[0].tobytes() != full[2].tobytes()
    assert device.items.lookup(pruned.table, []).shape == (0, 16)
    for row in (-1, 18):
        with pytest.raises(ConfigError, match="Item rows"):
            device.items.lookup(pruned.table, [row])


def test_an_order_of_the_pack_that_is_not_that_of_the_rows(
    encoded: EncodedTable, contents: BundleContents, table: ElasticTable
) -> None:
    # Whoever made the pack, a key decides which row of the bundle it replaces.
    names = ItemCatalogue(keys=("K20", "new", "K3"), titles=("", "", ""))
    pack = SessionPack.of_rows(encoded, (1, 2, 4), names, checkpoint_sha256="ab" * 32, group="all")
    items = DeviceItems(catalogue=contents.items, pack=pack)
    values = items.lookup(table.with_tiles(3), [3, 20, 23])
    assert values.tobytes() == table.lookup([4, 1, 2]).tobytes()


def test_scores_are_those_of_the_complete_bundle(device: Device, complete: Device) -> None:
    device.adapt(device.history_rows(["K17", "K2"]).rows)
    complete.adapt(complete.history_rows(["K17", "K2"]).rows)
    scores = device.score(device.items.pack_rows)
    assert scores.tobytes() == complete.score(INSIDE + OUTSIDE).tobytes()


def test_a_ranking_holds_items_of_both_and_not_the_history(device: Device, pruned: Bundle) -> None:
    known = device.history_rows(["K22", "nothing", "K3"])
    assert known.rows == (17, 3)
    assert known.unknown == ("nothing",)
    ranking = device.rank_rows(known.rows, 100)
    assert sorted(ranking.rows.tolist()) == [row for row in range(KEPT + 2) if row not in (3, 17)]
    device.adapt(known.rows)
    everything = device.score_embeddings(device.items.lookup(pruned.table, ranking.rows))
    np.testing.assert_allclose(ranking.scores, everything, rtol=1e-6)
    assert (np.diff(ranking.scores) <= 0).all()


def test_the_end_of_a_session_leaves_no_trace(device: Device, pruned: Bundle, network: Any) -> None:
    device.adapt([17])
    device.use_session(None)
    with pytest.raises(HistoryError, match="call adapt first"):
        device.score([0])
    with pytest.raises(HistoryError, match="outside"):
        device.adapt([17])
    fresh = Device(pruned, network).rank_rows([3, 2], 5)
    again = device.rank_rows([3, 2], 5)
    assert (again.rows.tolist(), again.scores.tobytes()) == (fresh.rows.tolist(), fresh.scores.tobytes())


def test_a_pack_is_kept_when_tiles_are_dropped(device: Device, pruned: Bundle, table: ElasticTable) -> None:
    device.use_table(pruned.table.with_tiles(3))
    assert device.items.lookup(device.table, [16]).tobytes() == table.lookup([17]).tobytes()


def test_histories_that_nobody_knows_are_refused(device: Device) -> None:
    for keys, sentence in (([], "empty"), (["nothing"], "None of the 1 items")):
        with pytest.raises(HistoryError, match=sentence):
            device.history_rows(keys)


def test_a_pack_of_another_model_is_refused_and_changes_nothing(device: Device, encoded: EncodedTable) -> None:
    names = ItemCatalogue(keys=("K1",), titles=("",))
    other = SessionPack.of_rows(encoded, (1,), names, checkpoint_sha256="cd" * 32, group="all")
    before = device.items
    with pytest.raises(SessionPackError, match="are of checkpoint"):
        device.use_session(other)
    assert device.items is before
