from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ofa_export.bundle.codes import encode
from ofa_export.bundle.table import ElasticTable
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.reductions.caps import copied, with_depth_cap
from ofa_export.planning.bundle_recipe import SelfTestRecipe
from ofa_export.planning.item_selection import ItemSelection
from ofa_export.planning.make_selftest import UNDECIDED, selftest_vectors
from ofa_export.precision import INT4, INT8, Precision


@pytest.fixture
def table(checkpoint: Checkpoint) -> ElasticTable:
    return ItemSelection(checkpoint, group=0).table


def test_cases_go_from_one_item_to_a_full_history(checkpoint: Checkpoint, table: ElasticTable) -> None:
    recipe = SelfTestRecipe(cases=4, min_snr_db=20.0)
    vectors = selftest_vectors(checkpoint, group=0, recipe=recipe, table=table, precision=INT8)
    lengths = vectors.lengths.tolist()
    assert lengths == sorted(lengths)
    assert (lengths[0], lengths[-1]) == (1, checkpoint.validation.lengths[::2].max())
    assert len(vectors.rows) == sum(lengths)


@torch.no_grad()
def test_expected_scores_are_the_references_own(checkpoint: Checkpoint, table: ElasticTable) -> None:
    recipe = SelfTestRecipe(cases=3, candidates=5, min_snr_db=20.0)
    vectors = selftest_vectors(checkpoint, group=0, recipe=recipe, table=table, precision=INT8)
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


def test_tile_codes_are_those_of_the_table(checkpoint: Checkpoint, table: ElasticTable) -> None:
    vectors = selftest_vectors(checkpoint, group=0, recipe=SelfTestRecipe(min_snr_db=20.0), table=table, precision=INT8)
    assert vectors.tile_items[0] == 0
    assert vectors.tile_items[-1] == 59
    encoded = encode(checkpoint.table(0).numpy(), group_sizes=checkpoint.config.model.group_sizes)
    assert np.array_equal(vectors.tile_codes, encoded.codes[vectors.tile_items])


def test_more_cases_and_candidates_than_there_are_is_no_mistake(checkpoint: Checkpoint, table: ElasticTable) -> None:
    recipe = SelfTestRecipe(cases=20, candidates=1000, tile_items=1000, min_snr_db=20.0)
    vectors = selftest_vectors(checkpoint, group=0, recipe=recipe, table=table, precision=INT8)
    assert (vectors.cases, len(vectors.candidates), len(vectors.tile_items)) == (20, 60, 60)


def margins(vectors) -> np.ndarray:
    return np.abs(vectors.keep_logits[..., 1] - vectors.keep_logits[..., 0])


def test_no_case_has_a_gate_that_the_precision_may_turn(checkpoint: Checkpoint, table: ElasticTable) -> None:
    recipe = SelfTestRecipe(cases=6)
    made = {
        precision.text: selftest_vectors(checkpoint, group=0, recipe=recipe, table=table, precision=precision)
        for precision in (INT8, INT4, Precision(default="int4", layers=(("adapt.controller", "int8"),)))
    }
    assert margins(made["int8"]).min() < UNDECIDED["int4"] <= margins(made["int4"]).min()
    assert margins(made["int8"]).min() >= UNDECIDED["int8"]
    controller = made["int4,adapt.controller=int8"]
    assert np.array_equal(controller.rows, made["int8"].rows)


def test_a_layer_of_the_controller_counts(checkpoint: Checkpoint, table: ElasticTable) -> None:
    precision = Precision(default="int8", layers=(("adapt.controller.head_out", "int4"),))
    vectors = selftest_vectors(checkpoint, group=0, recipe=SelfTestRecipe(cases=6), table=table, precision=precision)
    assert margins(vectors).min() >= UNDECIDED["int4"]


def test_a_controller_that_decides_nothing_still_gets_cases(checkpoint: Checkpoint, table: ElasticTable) -> None:
    model = copied(checkpoint.model)
    model.controller.head_out.weight.zero_()
    model.controller.head_out.bias.zero_()
    undecided = replace(checkpoint, model=model)
    vectors = selftest_vectors(undecided, group=0, recipe=SelfTestRecipe(cases=3), table=table, precision=INT4)
    assert vectors.cases == 3
    assert margins(vectors).max() == 0


def test_under_a_depth_cap_two_blocks_that_are_equally_sure_are_undecided(
    checkpoint: Checkpoint, table: ElasticTable
) -> None:
    capped = replace(checkpoint, model=with_depth_cap(checkpoint.model, 1))
    vectors = selftest_vectors(capped, group=0, recipe=SelfTestRecipe(cases=6), table=table, precision=INT4)
    signed = vectors.keep_logits[..., 1] - vectors.keep_logits[..., 0]
    both = signed[(signed > 0).all(axis=1)]
    assert (np.abs(both[:, 0] - both[:, 1]) >= UNDECIDED["int4"]).all()
    assert vectors.gates.sum(axis=1).max() == 1
