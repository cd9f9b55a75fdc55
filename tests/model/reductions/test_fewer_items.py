from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ofa_export.errors import ConfigError
from ofa_export.model.checkpoint import Checkpoint, ValidationSet
from ofa_export.model.reductions.fewer_items import with_items


@pytest.fixture
def held(checkpoint: Checkpoint) -> Checkpoint:
    """Five histories over items 0 to 29, of two user groups."""
    histories = [[-1, 3, 25, 7], [25, 26, 27, 28], [1, 2, 3, 4], [-1, -1, -1, 0], [9, 22, 1, 29]]
    T = checkpoint.config.model.history_length
    padded = np.full((5, T), -1, np.int32)
    padded[:, -4:] = histories
    validation = ValidationSet(
        histories=padded, targets=np.array([4, 5, 24, 9, 0], np.int32), user_groups=np.array([0, 1, 1, 0, 1], np.int32)
    )
    return replace(checkpoint, validation=validation)


def test_the_first_rows_stay_and_nothing_else_changes(held: Checkpoint) -> None:
    cut = with_items(held, 20)
    assert cut.config.model == held.config.model.model_copy(update={"items": 20})
    assert (cut.item_keys, cut.item_titles) == (held.item_keys[:20], held.item_titles[:20])
    for group in range(2):
        assert torch.equal(cut.table(group), held.table(group)[:20])
    weights = held.model.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in cut.model.state_dict().items() if name != "tables")
    assert not cut.model.training
    assert not any(parameter.requires_grad for parameter in cut.model.parameters())
    assert len(held.item_keys) == 30
    assert cut.sha256 == held.sha256


def test_the_table_is_not_copied(held: Checkpoint) -> None:
    assert with_items(held, 20).table(0).data_ptr() == held.table(0).data_ptr()


def test_histories_lose_what_is_gone_as_on_a_device(held: Checkpoint) -> None:
    validation = with_items(held, 20).validation
    assert [row[row >= 0].tolist() for row in validation.histories] == [[3, 7], [0], [9, 1]]
    assert (validation.histories[:, :-2] == -1).all()
    assert validation.targets.tolist() == [4, 9, 0]
    assert validation.user_groups.tolist() == [0, 0, 1]


def test_what_a_device_cannot_be_right_about_counts_as_missed(held: Checkpoint) -> None:
    once = with_items(held, 20)
    assert once.validation.missed_groups.tolist() == [1, 1]
    assert sorted(with_items(once, 8).validation.missed_groups) == [0, 1, 1]
    assert len(with_items(held, 30).validation.missed_groups) == 0


def test_all_items_are_all_items(held: Checkpoint) -> None:
    same = with_items(held, 30)
    assert np.array_equal(same.validation.histories, held.validation.histories)
    assert torch.equal(same.table(1), held.table(1))


@pytest.mark.parametrize("items", [0, 2, 31])
def test_a_number_of_items_that_cannot_be_is_refused(held: Checkpoint, items: int) -> None:
    groups = held.config.model.item_groups
    with pytest.raises(ConfigError, match=f"can hold {groups} to 30 items, not {items}"):
        with_items(held, items)


def test_items_that_no_history_goes_on_with_are_worth_nothing_that_can_be_said(held: Checkpoint) -> None:
    unlucky = replace(held, validation=replace(held.validation, targets=np.full(5, 29, np.int32)))
    with pytest.raises(ConfigError, match="nothing says what they are worth"):
        with_items(unlucky, 20)
