from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from ofa_export.bundle.archive import write_archive
from ofa_export.bundle.items import ItemCatalogue
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.session_pack import SessionPack
from ofa_export.bundle.writer import BundleContents, write_bundle
from ofa_export.converters.registry import get_converter
from ofa_export.errors import ConfigError
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.complete_bundle_cache import load_complete_bundle
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.make_session_pack import make_session_pack
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.recipes import load_recipe
from ofa_export.support.resources import shipped
from ofa_export.targets.open_device import open_device

ROOMY = 100_000


def written(path: Path, contents: BundleContents, tiles: int, budget: int = ROOMY) -> Bundle:
    write_bundle(path, contents, tiles=tiles, budget=budget)
    return Bundle.open(path)


@pytest.fixture
def coarse(complete: BundleContents, tmp_path: Path) -> Bundle:
    """As few tiles as a bundle may have."""
    return written(tmp_path / "coarse", complete, complete.floor_tiles)


def test_items_come_with_titles_in_the_order_of_the_checkpoint(
    checkpoint: Checkpoint, complete: BundleContents
) -> None:
    made = make_session_pack(checkpoint, ["K59", "K3", "K59", "K20"])
    assert made.pack.items == ItemCatalogue(keys=("K3", "K20", "K59"), titles=("Title 3", "Title 20", "Title 59"))
    assert made.pack.lookup(range(3)).tobytes() == complete.table.lookup([3, 20, 59]).tobytes()
    assert (made.pack.fields.checkpoint_sha256, made.pack.fields.group) == (checkpoint.sha256, "0")
    assert not made.left_out


def test_each_group_has_embeddings_of_its_own(checkpoint: Checkpoint) -> None:
    first, second = (make_session_pack(checkpoint, ["K3"], group=group).pack for group in (0, 1))
    assert second.fields.group == "1"
    np.testing.assert_allclose(second.lookup([0])[0], checkpoint.table(1)[3], atol=0.02)
    assert not np.allclose(first.lookup([0]), second.lookup([0]), atol=0.02)


def test_what_the_bundle_holds_in_full_is_left_out(
    checkpoint: Checkpoint, complete: BundleContents, coarse: Bundle, tmp_path: Path
) -> None:
    keys = ["K0", "K1", "K30", "K59"]
    assert make_session_pack(checkpoint, keys, bundle=coarse).pack.items.keys == ("K0", "K1", "K30", "K59")
    full = written(tmp_path / "full", complete, len(complete.table.order))
    with pytest.raises(ConfigError, match="nothing to send: the bundle holds all 4 items"):
        make_session_pack(checkpoint, keys, bundle=full)


def test_only_groups_with_every_plane_are_left_out(
    checkpoint: Checkpoint, complete: BundleContents, tmp_path: Path
) -> None:
    # The last tile in order is the last plane of the last block of the last group.
    nearly = written(tmp_path / "nearly", complete, len(complete.table.order) - 1)
    made = make_session_pack(checkpoint, ["K59", "K0", "K30"], bundle=nearly)
    assert made.pack.items.keys == ("K59",)
    assert made.left_out == ("K0", "K30")


def test_items_outside_the_bundle_are_always_sent(
    checkpoint: Checkpoint, complete: BundleContents, tmp_path: Path
) -> None:
    foreign = ItemCatalogue(keys=("X", *complete.items.keys[1:]), titles=complete.items.titles)
    full = written(tmp_path / "pruned", replace(complete, items_entry=foreign.to_bytes()), len(complete.table.order))
    assert make_session_pack(checkpoint, ["K0", "K1"], bundle=full).pack.items.keys == ("K0",)
    assert make_session_pack(checkpoint, ["K0"], bundle=full).pack.items.keys == ("K0",)


def test_unknown_items_are_named_with_what_to_do(checkpoint: Checkpoint) -> None:
    keys = ["K1", *(f"nowhere {number}" for number in range(7))]
    with pytest.raises(ConfigError) as caught:
        make_session_pack(checkpoint, keys)
    assert str(caught.value) == (
        "7 of 8 items are not in the checkpoint: 'nowhere 0', 'nowhere 1', 'nowhere 2', 'nowhere 3', 'nowhere 4', …. "
        "Its keys look like 'K0'. Correct these or remove them: an item without an embedding cannot be sent."
    )


def test_groups_that_do_not_fit_are_refused(checkpoint: Checkpoint, coarse: Bundle) -> None:
    with pytest.raises(ConfigError, match="no user group 2"):
        make_session_pack(checkpoint, ["K1"], group=2)
    with pytest.raises(ConfigError, match=r"is for user group 0, the pack would be for 1.*Leave out --group"):
        make_session_pack(checkpoint, ["K1"], group=1, bundle=coarse)
    assert make_session_pack(checkpoint, ["K1"], group=0, bundle=coarse).pack.fields.group == "0"


def test_bundles_of_another_checkpoint_or_an_unknown_group_are_refused(
    checkpoint: Checkpoint, complete: BundleContents, tmp_path: Path
) -> None:
    for name, change, sentence in (
        ("other", {"checkpoint_sha256": "ab" * 32}, "--checkpoint"),
        ("group", {"group": "all"}, "user group all"),
    ):
        fields = complete.fields.model_copy(update=change)
        bundle = written(tmp_path / name, replace(complete, fields=fields), complete.floor_tiles)
        with pytest.raises(ConfigError, match=sentence):
            make_session_pack(checkpoint, ["K1"], bundle=bundle)


@pytest.mark.integration
def test_a_pack_on_the_real_sample_scores_as_the_full_table_does(tmp_path: Path) -> None:
    folder = shipped("artifacts", "sample")
    checkpoint, recipe = load_checkpoint(folder), load_recipe("bundle", "int8", BundleRecipe)
    complete = load_complete_bundle(
        ExportSource(folder, group=0), converter=get_converter("litert"), recipe=recipe, store=ContentCache()
    )
    small = written(tmp_path / "small", complete, 160, budget=4_000_000)
    full = written(tmp_path / "full", complete, len(complete.table.order), budget=4_000_000)
    history, candidates = list(checkpoint.item_keys[40:52]), list(checkpoint.item_keys[5::31])
    stream = BytesIO()
    write_archive(stream, make_session_pack(checkpoint, history + candidates, bundle=small).pack.entries())
    pack = SessionPack.from_bytes(memoryview(stream.getvalue()))
    with open_device(small) as device, open_device(full) as complete:
        coarse = device.rank_rows(device.history_rows(history).rows, 3145)
        device.use_session(pack)
        sent = device.rank_rows(device.history_rows(history).rows, 3145)
        exact = complete.rank_rows(complete.history_rows(history).rows, 3145)
        rows = device.items.pack_rows
        assert set(rows) == set(range(40, 52)) | set(range(5, 3145, 31))
        # The same rows in the same places of the same calls: bit for bit.
        assert device.score(rows).tobytes() == complete.score(rows).tobytes()
    assert sent.adaptation.hidden.tobytes() == exact.adaptation.hidden.tobytes()
    scores = dict(zip(exact.rows.tolist(), exact.scores.tolist(), strict=True))
    in_pack = device.items.from_pack(sent.rows)
    for row, score in zip(sent.rows[in_pack], sent.scores[in_pack], strict=True):
        assert score == pytest.approx(scores[row], abs=1e-5)
    before = dict(zip(coarse.rows.tolist(), coarse.scores.tolist(), strict=True))
    assert max(abs(before[row] - scores[row]) for row in sent.rows[in_pack]) > 0.1
