from __future__ import annotations

import itertools

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.data.data_recipe import HistoryRecipe
from ofa_export.data.histories import PAD, Histories, build_histories
from ofa_export.training.windows import Batch, Windows, batches_per_epoch, cut_windows, epoch_batches


def histories_of(lengths: list[int]) -> Histories:
    """User u has `length` items of its own, so that every item row tells its user and position."""
    rows = [(f"u{u:02}", f"i{u:02}-{t:02}", t) for u, length in enumerate(lengths) for t in range(length)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return build_histories(frame, recipe=HistoryRecipe(min_count=1, repeats="all", ties="file"), seed=0)


lengths = st.lists(st.integers(1, 15), min_size=2, max_size=6).filter(lambda values: max(values) >= 3)


@given(lengths=lengths, T=st.integers(2, 6), seed=st.integers(0, 99))
def test_every_training_item_but_the_first_is_a_target_however_windows_move(
    lengths: list[int], T: int, seed: int
) -> None:
    histories = histories_of(lengths)
    still = cut_windows(histories, np.arange(histories.users), history_length=T)
    for windows in (still, still.moved(np.random.default_rng(seed))):
        targets: set[int] = set()
        shown: set[int] = set()
        if len(windows):
            everything = np.arange(len(windows))
            batch = windows.batch(everything, group=0)
            assert ((batch.targets == PAD) == (batch.inputs == PAD)).all()
            assert (batch.lengths > 0).all()
            targets = set(batch.targets[batch.targets != PAD].tolist())
            shown = set(windows.rows(everything, width=T).ravel().tolist()) - {PAD}
        parts = [histories.training_rows(user) for user in range(histories.users)]
        assert targets == {int(row) for part in parts for row in part[1:]}
        held_out = {int(row) for user in range(histories.users) for row in histories.sequence(user)[len(parts[user]) :]}
        assert shown.isdisjoint(held_out)


@given(lengths=lengths, T=st.integers(2, 6))
def test_a_history_that_fits_is_one_window_and_a_longer_one_has_one_more_than_it_needs(
    lengths: list[int], T: int
) -> None:
    histories = histories_of(lengths)
    windows = cut_windows(histories, np.arange(histories.users), history_length=T)
    for user, length in enumerate(histories.training_lengths):
        needed = -(-(int(length) - 1) // T)
        assert (windows.users == user).sum() == (needed if needed <= 1 else needed + 1)


def test_the_last_window_of_a_history_stays_and_the_others_move_to_every_place() -> None:
    windows = cut_windows(histories_of([22, 5]), np.arange(2), history_length=5)
    ends = {tuple(windows.moved(np.random.default_rng(seed)).ends) for seed in range(60)}
    assert {end[0] for end in ends} == {20}
    assert {end[1] for end in ends} == {19, 18, 17, 16, 15}
    assert all(before - end == 5 for moved in ends for before, end in itertools.pairwise(moved[1:4]))
    # A history that fits has nothing to move.
    assert {end[-1] for end in ends} == {3}


@given(lengths=lengths, T=st.integers(2, 6))
def test_a_window_is_a_piece_of_its_users_history(lengths: list[int], T: int) -> None:
    histories = histories_of(lengths)
    windows = cut_windows(histories, np.arange(histories.users), history_length=T)
    rows = windows.rows(np.arange(len(windows)), width=T)
    assert rows.shape == (len(windows), T + 1)
    for row, user in zip(rows, windows.users, strict=True):
        real = row[row != PAD]
        assert (row[: len(row) - len(real)] == PAD).all()
        sequence = histories.training_rows(int(user)).tolist()
        start = sequence.index(real[0])
        assert real.tolist() == sequence[start : start + len(real)]


def test_windows_by_hand() -> None:
    histories = histories_of([7, 3, 2])
    row = {key: row for row, key in enumerate(histories.item_keys)}
    windows = cut_windows(histories, np.arange(3), history_length=3)
    # Five training items: the last four are one window; the rest would fit into one more, so there are two more.
    expected = [
        ["i00-01", "i00-02", "i00-03", "i00-04"],
        ["i00-00", "i00-01", "i00-02", "i00-03"],
        [None, None, "i00-00", "i00-01"],
        [None, None, "i02-00", "i02-01"],
    ]
    assert windows.rows(np.arange(4), width=3).tolist() == [
        [row[key] if key else PAD for key in keys] for keys in expected
    ]
    assert windows.users.tolist() == [0, 0, 0, 2]


def test_a_batch_pairs_each_item_with_the_next() -> None:
    histories = histories_of([5, 1])
    windows = cut_windows(histories, np.arange(2), history_length=3)
    row = {key: row for row, key in enumerate(histories.item_keys)}
    first, second, third = (row[f"i00-0{position}"] for position in range(3))
    batch = windows.batch(np.array([0]), group=3)
    assert batch.inputs.tolist() == [[PAD, first, second]]
    assert batch.targets.tolist() == [[PAD, second, third]]
    assert batch.lengths.tolist() == [2]
    assert batch.group == 3


def many_windows() -> tuple[Windows, np.ndarray]:
    """49 windows of users with one, three or four each, and the group of each of the users."""
    histories = histories_of([4, 6, 8] * 6 + [4])
    windows = cut_windows(histories, np.arange(19), history_length=2)
    assert len(windows) == 49
    return windows, np.random.default_rng(0).integers(0, 3, 19).astype(np.int32)


def targets_of(batch: Batch) -> list[int]:
    """The last target of each window."""
    return batch.targets[:, -1].tolist()


def test_batches_are_one_pass_over_moved_windows_and_hold_one_group_each() -> None:
    windows, user_groups = many_windows()
    batches = list(epoch_batches(windows, user_groups, batch_size=4, seed=(1, 2)))
    assert len(batches) == batches_per_epoch(windows, user_groups, batch_size=4)
    seen = [target for batch in batches for target in targets_of(batch)]
    moved = windows.moved(np.random.default_rng((1, 2)))
    assert sorted(seen) == sorted(moved.rows(np.arange(49), width=2)[:, -1].tolist())
    for batch in batches:
        people = [int(windows.histories.item_keys[target][1:3]) for target in targets_of(batch)]
        assert (user_groups[people] == batch.group).all()
        assert 1 <= len(people) <= 4


def test_dealt_batches_hold_windows_of_similar_length_and_no_more_padding_than_they_need() -> None:
    histories = histories_of([*range(3, 43)] * 2)
    windows = cut_windows(histories, np.arange(80), history_length=40, padded=False)
    batches = list(epoch_batches(windows, np.zeros(80, np.int32), batch_size=4, dealt=16, seed=(0,)))
    assert all(batch.inputs.shape[1] == int(batch.lengths.max()) for batch in batches)
    padding = sum(int((batch.inputs == PAD).sum()) for batch in batches) / sum(
        batch.inputs.numel() for batch in batches
    )
    # In batches drawn without a look at lengths it is more than a third.
    assert padding < 0.2
    # The order of batches stays random, and so does which of the windows of a length share one.
    longest = [batch.inputs.shape[1] for batch in batches]
    assert longest != sorted(longest)
    again = epoch_batches(windows, np.zeros(80, np.int32), batch_size=4, dealt=16, seed=(1,))
    assert {frozenset(targets_of(batch)) for batch in again} != {frozenset(targets_of(batch)) for batch in batches}


def test_networks_that_look_at_padding_get_all_of_it() -> None:
    windows = cut_windows(histories_of([4, 5, 6]), np.arange(3), history_length=9)
    assert {
        batch.inputs.shape[1] for batch in epoch_batches(windows, np.zeros(3, np.int32), batch_size=1, seed=(0,))
    } == {9}


def test_the_seed_decides_the_order_and_nothing_else_does() -> None:
    windows, user_groups = many_windows()

    def order(seed: tuple[int, ...]) -> list[list[list[int]]]:
        return [batch.inputs.tolist() for batch in epoch_batches(windows, user_groups, batch_size=4, seed=seed)]

    assert order((1, 2)) == order((1, 2))
    assert order((1, 2)) != order((1, 3))


def test_no_windows_are_no_batches() -> None:
    windows = cut_windows(histories_of([3, 3, 3, 3]), np.arange(4), history_length=2)
    assert list(epoch_batches(windows, np.zeros(4, np.int32), batch_size=4, seed=(0,))) == []
    assert batches_per_epoch(windows, np.zeros(4, np.int32), batch_size=4) == 0
