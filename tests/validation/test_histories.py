from __future__ import annotations

from dataclasses import replace

import numpy as np

from ofa_export.model.checkpoint import Checkpoint, ValidationSet
from ofa_export.validation.histories import validation_histories


def test_whole_histories_come_first_with_their_targets(checkpoint: Checkpoint) -> None:
    histories = validation_histories(checkpoint, group=0, maximum=1000)
    validation = checkpoint.validation
    assert histories.whole == len(validation.targets)
    assert np.array_equal(histories.rows[: histories.whole], validation.histories)
    assert np.array_equal(histories.targets, validation.targets)


def test_a_cap_spreads_over_all_histories(checkpoint: Checkpoint) -> None:
    histories = validation_histories(checkpoint, group=0, maximum=5)
    assert histories.names[:5] == ("history 0", "history 6", "history 12", "history 17", "history 23")


def test_lengths_go_from_one_item_to_more_than_the_model_sees(checkpoint: Checkpoint) -> None:
    T = checkpoint.config.model.history_length
    histories = validation_histories(checkpoint, group=0, maximum=1000)
    lengths = {len(items) for items in histories.items[histories.whole :]}
    assert {1, 2, T // 2, T} <= lengths
    assert max(lengths) > T
    assert len(histories.names) == len(histories)


def test_a_cut_history_is_the_recent_end_of_a_real_one(checkpoint: Checkpoint) -> None:
    histories = validation_histories(checkpoint, group=0, maximum=1000)
    whole = dict(zip(histories.names, histories.items, strict=True))
    cuts = [name for name in histories.names if " cut to " in name]
    assert cuts
    for name in cuts:
        whole_name, length = name.split(" cut to ")
        assert np.array_equal(whole[name], whole[whole_name][-int(length) :])


def test_rows_show_the_last_items_padded_on_the_left(checkpoint: Checkpoint) -> None:
    histories = validation_histories(checkpoint, group=0, maximum=1000)
    T = checkpoint.config.model.history_length
    for row, items in zip(histories.rows, histories.items, strict=True):
        visible = items[-T:]
        assert np.array_equal(row[T - len(visible) :], visible)
        assert (row[: T - len(visible)] == -1).all()


def test_only_histories_of_the_bundle_s_group_count(checkpoint: Checkpoint) -> None:
    validation = checkpoint.validation
    groups = (np.arange(len(validation.targets)) % 2).astype(np.int32)
    split = replace(
        checkpoint,
        validation=ValidationSet(histories=validation.histories, targets=validation.targets, user_groups=groups),
    )
    histories = validation_histories(split, group=1, maximum=1000)
    assert np.array_equal(histories.targets, validation.targets[1::2])


def test_one_short_history_still_gives_full_and_long_histories(checkpoint: Checkpoint) -> None:
    validation = checkpoint.validation
    lone = ValidationSet(
        histories=validation.histories[:1], targets=validation.targets[:1], user_groups=validation.user_groups[:1]
    )
    histories = validation_histories(replace(checkpoint, validation=lone), group=0, maximum=1000)
    T = checkpoint.config.model.history_length
    assert [len(items) for items in histories.items] == [1, T, T + T // 2]
