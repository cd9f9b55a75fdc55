from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toys import CONFIG

from ofa_export.model.checkpoint import Checkpoint, ValidationSet
from ofa_export.validation.histories import PER_LENGTH, made_histories, of_length, validation_histories


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


@pytest.mark.parametrize(("items", "T"), [(60, 8), (3145, 50), (5, 1), (3, 8)])
def test_made_histories_have_every_length_and_hold_every_item(items: int, T: int) -> None:
    rows = made_histories(items=items, history_length=T, fewest=0, most=4096)
    lengths = (rows >= 0).sum(axis=1)
    assert (np.bincount(lengths, minlength=T + 1)[1:] >= PER_LENGTH).all()
    assert np.array_equal(np.unique(rows[rows >= 0]), np.arange(items))
    assert ((rows >= 0) == (np.arange(T) >= T - lengths[:, None])).all()
    assert np.array_equal(rows, made_histories(items=items, history_length=T, fewest=0, most=4096))


def test_made_histories_repeat_items_next_to_each_other_further_apart_and_alone() -> None:
    rows = made_histories(items=60, history_length=8, fewest=0, most=0)
    full = rows[(rows >= 0).all(axis=1)]
    follows = full[:, 1:] == full[:, :-1]
    # In each place an item is that before it in some history, and in one history everywhere.
    assert follows.any(axis=0).all() and follows.all(axis=1).any()
    assert ((full[:, 0] == full[:, -1]) & ~follows.any(axis=1)).any()


def test_the_number_of_made_histories_is_bounded_and_can_be_asked_for() -> None:
    fewest = len(made_histories(items=10, history_length=8, fewest=0, most=0))
    assert len(made_histories(items=100_000, history_length=8, fewest=0, most=500)) == 500
    assert len(made_histories(items=100_000, history_length=8, fewest=0, most=0)) == fewest
    assert len(made_histories(items=10, history_length=8, fewest=300, most=0)) == 300


def test_further_histories_of_a_length_have_it_and_are_others() -> None:
    rows = of_length(5, items=60, history_length=8, count=24)
    assert ((rows >= 0).sum(axis=1) == 5).all() and rows.shape == (24, 8)
    assert len(np.unique(rows, axis=0)) == 24


def test_a_checkpoint_without_histories_is_compared_on_made_ones(checkpoint: Checkpoint) -> None:
    none = ValidationSet(
        histories=np.zeros((0, CONFIG.history_length), np.int32),
        targets=np.zeros(0, np.int32),
        user_groups=np.zeros(0, np.int32),
    )
    histories = validation_histories(replace(checkpoint, validation=none), group=0, maximum=1000)
    lengths = {len(items) for items in histories.items}
    assert histories.whole == 0
    assert lengths >= set(range(1, CONFIG.history_length + 1)) and max(lengths) > CONFIG.history_length


@pytest.mark.parametrize(("kind", "called"), [("synthetic", "synthetic history 0"), ("none", "drawn history 0")])
def test_a_report_does_not_call_histories_people_s_that_are_nobody_s(
    checkpoint: Checkpoint, kind: str, called: str
) -> None:
    config = checkpoint.config.model_copy(update={"training": {"validation_histories": kind}})
    histories = validation_histories(replace(checkpoint, config=config), group=0, maximum=1000)
    assert histories.names[0] == called
    assert not any(name.startswith("history ") for name in histories.names)
