from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ofa_export.model.checkpoint import Checkpoint, checkpoint_files
from ofa_export.model.checkpoint_folder import files_digest
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.ranking.scoring import score_histories


def test_what_is_saved_is_what_is_loaded(checkpoint: Checkpoint, folder: Path) -> None:
    loaded = load_checkpoint(folder)
    assert loaded.config == checkpoint.config
    assert loaded.item_keys == checkpoint.item_keys
    assert loaded.item_titles == checkpoint.item_titles
    assert np.array_equal(loaded.importance, checkpoint.importance)
    assert np.array_equal(loaded.centroids, checkpoint.centroids)
    for order, other in zip(loaded.tile_orders, checkpoint.tile_orders, strict=True):
        assert np.array_equal(order.tiles, other.tiles)
    for name in ("histories", "targets", "user_groups", "lengths"):
        assert np.array_equal(getattr(loaded.validation, name), getattr(checkpoint.validation, name))
    for group in range(2):
        rows, table = loaded.validation.histories, loaded.table(group)
        expected = score_histories(checkpoint.model, checkpoint.model.adapt, checkpoint.table(group), rows)
        found = score_histories(loaded.model, loaded.model.adapt, table, rows)
        assert np.array_equal(found[0], expected[0])
        assert np.array_equal(found[1], expected[1])


def test_a_loaded_model_neither_trains_nor_drops(folder: Path) -> None:
    model = load_checkpoint(folder).model
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_saving_a_loaded_checkpoint_gives_the_same_bytes(checkpoint: Checkpoint, folder: Path) -> None:
    loaded = load_checkpoint(folder)
    again = checkpoint_files(loaded)
    assert again == checkpoint_files(checkpoint)
    assert loaded.sha256 == files_digest(again)
    assert checkpoint.sha256 == ""


def test_the_digest_covers_every_file(checkpoint: Checkpoint) -> None:
    files = checkpoint_files(checkpoint)
    digests = {files_digest({**files, name: content + b" "}) for name, content in files.items()}
    assert len(digests | {files_digest(files)}) == 5


def test_the_digest_sees_where_one_file_ends() -> None:
    files = {
        "config.json": b"ab",
        "model.safetensors": b"c",
        "items.parquet": b"",
        "validation_histories.safetensors": b"",
    }
    moved = {**files, "config.json": b"a", "model.safetensors": b"bc"}
    assert files_digest(files) != files_digest(moved)


def test_lengths_count_the_real_items(checkpoint: Checkpoint) -> None:
    assert checkpoint.validation.lengths.tolist() == [1, 2, 3, 4, 5, 6]
    assert checkpoint.validation.lengths.dtype == np.int32


def test_unknown_titles_stay_empty(checkpoint: Checkpoint, tmp_path: Path) -> None:
    for name, content in checkpoint_files(replace(checkpoint, item_titles=("",) * 30)).items():
        (tmp_path / name).write_bytes(content)
    assert load_checkpoint(tmp_path).item_titles == ("",) * 30


def test_each_group_has_its_own_histories(checkpoint: Checkpoint) -> None:
    validation = checkpoint.validation
    assert validation.rows_of_group(1).tolist() == [1, 3, 5]
    mine = validation.of_group(1)
    assert np.array_equal(mine.histories, validation.histories[[1, 3, 5]])
    assert np.array_equal(mine.targets, validation.targets[[1, 3, 5]])
    assert mine.user_groups.tolist() == [1, 1, 1]
    assert [len(items) for items in mine.items] == mine.lengths.tolist() == [2, 4, 6]
    assert all((items >= 0).all() for items in mine.items)


def test_a_group_without_histories_is_measured_on_all(checkpoint: Checkpoint) -> None:
    validation = replace(
        checkpoint.validation, user_groups=np.zeros(6, np.int32), missed_groups=np.array([0, 0, 1], np.int32)
    )
    assert len(validation.of_group(1).targets) == len(validation.rows_of_group(1)) == 6
    assert [len(validation.of_group(group).missed_groups) for group in (0, 1)] == [2, 3]
