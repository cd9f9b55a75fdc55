from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ofa_export.model.network import AdaptiveRecommender, lookup
from ofa_export.ranking.scoring import score_histories, static_adapt


def test_scores_are_those_of_the_network_whatever_the_batch_size(model: AdaptiveRecommender, histories: Tensor) -> None:
    table = model.tables[1]
    expected = model(lookup(table, histories), (histories >= 0).sum(dim=1), table)
    rows = histories.numpy().astype(np.int32)
    for batch_size in (1, 4, 256):
        scores, gates = score_histories(model, model.adapt, table, rows, batch_size=batch_size)
        assert scores.dtype == np.float32
        assert np.allclose(scores, expected.numpy(), atol=1e-5)
        assert gates.shape == (6, 3)


def test_the_control_adapts_to_nobody(model: AdaptiveRecommender, histories: Tensor) -> None:
    table, rows = model.tables[0], histories.numpy().astype(np.int32)
    model.train()
    scores, gates = score_histories(model, static_adapt(model), table, rows)
    assert not model.training
    assert (gates == 1).all()
    with torch.no_grad():
        for generator in model.mapper.generators:
            generator.out.bias += 1
    assert np.array_equal(score_histories(model, static_adapt(model), table, rows)[0], scores)
    assert not np.allclose(score_histories(model, model.adapt, table, rows)[0], scores, atol=1e-3)
