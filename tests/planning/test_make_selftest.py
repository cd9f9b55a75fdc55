from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import random_model

from ofa_export.bundle.codes import encode
from ofa_export.bundle.selftest import SelfTest
from ofa_export.model.checkpoint import Checkpoint, ValidationSet
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.model.reductions.caps import copied, with_depth_cap
from ofa_export.model.reductions.fewer_items import with_items
from ofa_export.planning.bundle_recipe import SelfTestRecipe
from ofa_export.planning.item_selection import ItemSelection
from ofa_export.planning.make_selftest import DRAWN, UNDECIDED, drawn_histories, selftest_vectors
from ofa_export.precision import INT4, INT8, Precision


def vectors_of(
    checkpoint: Checkpoint, *, group: int = 0, precision: Precision = INT8, cases: int = 3, **sizes: int
) -> SelfTest:
    recipe = SelfTestRecipe(cases=cases, min_snr_db=20.0, **sizes)
    table = ItemSelection(checkpoint, group=group).table
    return selftest_vectors(checkpoint, group=group, recipe=recipe, table=table, precision=precision)


def decoded(vectors: SelfTest, checkpoint: Checkpoint, *, group: int = 0) -> list[list[int]]:
    """Item rows of each case, as anybody finds them who has the bundle: the nearest embedding."""
    table = checkpoint.table(group).numpy()
    distances = [np.linalg.norm(table[None] - vectors.history(case)[:, None], axis=2) for case in range(vectors.cases)]
    return [each.argmin(axis=1).tolist() for each in distances]


class TestPrivacy:
    """A self-test says of no person what they did."""

    @pytest.mark.parametrize("group", [0, 1])
    def test_every_history_is_one_that_its_length_and_the_number_of_items_give(
        self, checkpoint: Checkpoint, group: int
    ) -> None:
        vectors = vectors_of(checkpoint, group=group, cases=6)
        for rows in decoded(vectors, checkpoint, group=group):
            assert rows in drawn_histories(60, len(rows)).tolist()

    def test_other_people_make_the_same_self_test(self, checkpoint: Checkpoint) -> None:
        zeros = np.zeros(1, np.int32)
        one = ValidationSet(histories=np.array([[-1] * 6 + [3, 4]], np.int32), targets=zeros, user_groups=zeros)
        other = replace(checkpoint, validation=one)
        assert vectors_of(other, cases=6).to_bytes() == vectors_of(checkpoint, cases=6).to_bytes()

    def test_what_is_drawn_stays_what_it_was(self) -> None:
        """By the rule that docs/privacy.md gives, so that anybody can draw them again."""
        drawn = drawn_histories(3145, 8)
        assert drawn.shape == (DRAWN, 8)
        assert drawn[0].tolist() == [1929, 129, 1695, 1320, 1813, 1520, 1320, 2640]
        assert drawn[5].tolist() == [2064, 2064, 598, 2064, 598, 1914, 1914, 2064]
        assert [len(np.unique(each)) for each in drawn[:4]] == [7, 4, 3, 3]


def test_cases_go_from_one_item_to_a_full_history(checkpoint: Checkpoint) -> None:
    vectors = vectors_of(checkpoint, cases=4)
    lengths = vectors.lengths.tolist()
    assert lengths == [1, 3, 6, 8]
    assert len(vectors.rows) == sum(lengths)


def test_fewer_items_draw_from_those_that_are_left(checkpoint: Checkpoint) -> None:
    few = with_items(checkpoint, 9)
    for rows in decoded(vectors_of(few, cases=6), few):
        assert rows in drawn_histories(9, len(rows)).tolist()


@torch.no_grad()
def test_expected_scores_are_the_references_own(checkpoint: Checkpoint) -> None:
    vectors = vectors_of(checkpoint, candidates=5)
    model, T, start = checkpoint.model, checkpoint.config.model.history_length, 0
    for case, length in enumerate(vectors.lengths):
        history = torch.zeros(1, T, 16)
        history[0, -length:] = torch.from_numpy(vectors.rows[start : start + length].astype(np.float32))
        start += length
        valid = model.valid(torch.tensor([int(length)]))
        x = model.embed(history, valid)
        adaptation = model.adapt(x, valid)
        state = model.states(model.assemble(x, valid, adaptation))[0, -1]
        scores = torch.from_numpy(vectors.candidates.astype(np.float32)) @ state
        assert np.allclose(vectors.scores[case], scores, atol=1e-5)
        assert np.array_equal(vectors.gates[case], adaptation.gates[0])


def test_tile_codes_are_those_of_the_table(checkpoint: Checkpoint) -> None:
    vectors = vectors_of(checkpoint)
    assert vectors.tile_items[0] == 0
    assert vectors.tile_items[-1] == 59
    encoded = encode(checkpoint.table(0).numpy(), group_sizes=checkpoint.config.model.group_sizes)
    assert np.array_equal(vectors.tile_codes, encoded.codes[vectors.tile_items])


def test_more_cases_and_candidates_than_there_are_is_no_mistake(checkpoint: Checkpoint) -> None:
    vectors = vectors_of(checkpoint, cases=20, candidates=1000, tile_items=1000)
    assert (vectors.cases, len(vectors.candidates), len(vectors.tile_items)) == (20, 60, 60)


def margins(vectors: SelfTest) -> np.ndarray:
    return np.abs(vectors.keep_logits[..., 1] - vectors.keep_logits[..., 0])


def with_model(checkpoint: Checkpoint, change: Callable[[AdaptiveRecommender], object]) -> Checkpoint:
    model = copied(checkpoint.model)
    change(model)
    return replace(checkpoint, model=model)


def shows_all_gates(vectors: SelfTest) -> bool:
    return bool(((vectors.gates == 0).any(axis=0) & (vectors.gates == 1).any(axis=0)).all())


@pytest.mark.parametrize(("seed", "precision"), [(7, INT8), (8, INT8), (8, INT4)])
def test_every_block_is_on_in_a_case_and_off_in_another(
    checkpoint: Checkpoint, seed: int, precision: Precision
) -> None:
    """Of networks that turn each gate by more than the margin, three cases suffice for two blocks."""
    assert shows_all_gates(vectors_of(replace(checkpoint, model=random_model(seed)), precision=precision))


def test_no_case_has_a_gate_that_the_precision_may_turn(checkpoint: Checkpoint) -> None:
    """Where margins are so small that int4 may turn most of them."""
    near = with_model(checkpoint, lambda model: model.controller.head_out.weight.mul_(0.1))
    mixed = Precision(default="int4", layers=(("adapt.controller", "int8"),))
    int8, int4, controller = (vectors_of(near, cases=6, precision=each) for each in (INT8, INT4, mixed))
    assert UNDECIDED["int8"] <= margins(int8).min() < UNDECIDED["int4"] <= margins(int4).min()
    assert np.array_equal(controller.rows, int8.rows)


def test_a_layer_of_the_controller_counts(checkpoint: Checkpoint) -> None:
    near = with_model(checkpoint, lambda model: model.controller.head_out.weight.mul_(0.1))
    precision = Precision(default="int8", layers=(("adapt.controller.head_out", "int4"),))
    assert margins(vectors_of(near, cases=6, precision=precision)).min() >= UNDECIDED["int4"]


def test_where_histories_of_one_item_decide_nothing_longer_ones_are_taken(checkpoint: Checkpoint) -> None:
    """All histories of one item have the same logits: here those of a bias that cancels them."""
    (one,) = vectors_of(checkpoint, cases=1).keep_logits
    near = with_model(checkpoint, lambda model: model.controller.head_out.bias.sub_(torch.from_numpy(one).flatten()))
    vectors = vectors_of(near, precision=INT4)
    assert vectors.lengths.tolist() == [2, 4, 8]
    assert margins(vectors).min() >= UNDECIDED["int4"]


def test_a_controller_that_decides_nothing_still_gets_cases(checkpoint: Checkpoint) -> None:
    def decide_nothing(model: AdaptiveRecommender) -> None:
        model.controller.head_out.weight.zero_()
        model.controller.head_out.bias.zero_()

    vectors = vectors_of(with_model(checkpoint, decide_nothing), precision=INT4)
    assert vectors.lengths.tolist() == [1, 4, 8]
    assert margins(vectors).max() == 0


def test_under_a_depth_cap_two_blocks_that_are_equally_sure_are_undecided(checkpoint: Checkpoint) -> None:
    capped = replace(checkpoint, model=with_depth_cap(checkpoint.model, 1))
    vectors = vectors_of(capped, cases=6, precision=INT4)
    signed = vectors.keep_logits[..., 1] - vectors.keep_logits[..., 0]
    both = signed[(signed > 0).all(axis=1)]
    assert (np.abs(both[:, 0] - both[:, 1]) >= UNDECIDED["int4"]).all()
    assert vectors.gates.sum(axis=1).max() == 1
