from __future__ import annotations

import numpy as np
import pytest
import torch

from ofa_export.bundle.codes import encode
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.planning.recipe import SelfTestRecipe
from ofa_export.planning.selftest_vectors import selftest_vectors


@pytest.fixture
def encoded(checkpoint: Checkpoint):
    return encode(checkpoint.table(0).numpy(), group_sizes=checkpoint.config.model.group_sizes)


def test_cases_go_from_one_item_to_a_full_history(checkpoint: Checkpoint, encoded) -> None:
    recipe = SelfTestRecipe(cases=4, min_snr_db=20.0)
    vectors = selftest_vectors(checkpoint, group=0, recipe=recipe, encoded=encoded)
    lengths = vectors.lengths.tolist()
    assert lengths == sorted(lengths)
    assert (lengths[0], lengths[-1]) == (1, checkpoint.probes.lengths[::2].max())
    assert len(vectors.rows) == sum(lengths)


@torch.no_grad()
def test_expected_scores_are_the_references_own(checkpoint: Checkpoint, encoded) -> None:
    recipe = SelfTestRecipe(cases=3, candidates=5, min_snr_db=20.0)
    vectors = selftest_vectors(checkpoint, group=0, recipe=recipe, encoded=encoded)
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


def test_tile_codes_are_those_of_the_table(checkpoint: Checkpoint, encoded) -> None:
    vectors = selftest_vectors(checkpoint, group=0, recipe=SelfTestRecipe(min_snr_db=20.0), encoded=encoded)
    assert vectors.tile_items[0] == 0
    assert vectors.tile_items[-1] == 59
    assert np.array_equal(vectors.tile_codes, encoded.codes[vectors.tile_items])


def test_more_cases_and_candidates_than_there_are_is_no_mistake(checkpoint: Checkpoint, encoded) -> None:
    recipe = SelfTestRecipe(cases=20, candidates=1000, tile_items=1000, min_snr_db=20.0)
    vectors = selftest_vectors(checkpoint, group=0, recipe=recipe, encoded=encoded)
    assert (vectors.cases, len(vectors.candidates), len(vectors.tile_items)) == (20, 60, 60)
