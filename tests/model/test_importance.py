from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.model.importance import ImportanceController, block_diversity, popularity_features, weigh


@given(groups=st.integers(1, 6), blocks=st.integers(1, 6), seed=st.integers(0, 100), scale=st.floats(0, 20))
def test_importance_is_positive_with_mean_one(groups: int, blocks: int, seed: int, scale: float) -> None:
    torch.manual_seed(seed)
    alpha = ImportanceController(groups, blocks)(torch.randn(groups, 32), scale * torch.rand(groups))
    assert alpha.shape == (groups, blocks)
    assert (alpha > 0).all()
    assert alpha.mean().item() == pytest.approx(1, abs=1e-5)


def test_importance_depends_on_popularity_and_on_loss() -> None:
    torch.manual_seed(0)
    controller = ImportanceController(3, 2)
    popularity, loss = torch.randn(3, 32), torch.rand(3)
    alpha = controller(popularity, loss)
    assert not torch.allclose(alpha, controller(popularity + 1, loss))
    assert not torch.allclose(alpha, controller(popularity, loss * torch.tensor([1.0, 3.0, 1.0])))


def test_popularity_features_are_those_of_the_mean_log_count() -> None:
    features = popularity_features(torch.tensor([9, 99, 9]), torch.tensor([0, 0, 1]), 2)
    # log10 of 1 + count is 1.5 on average in group 0; the first frequency is 0.1 and the last 10.
    assert features.shape == (2, 32)
    assert features[0, [0, 15, 16, 31]].tolist() == pytest.approx(
        [np.sin(0.15), np.sin(15), np.cos(0.15), np.cos(15)], abs=1e-5
    )
    assert features[1, 0].item() == pytest.approx(np.sin(0.1), abs=1e-6)


def test_diversity_of_a_table_by_hand() -> None:
    one, other = torch.zeros(8), torch.zeros(8)
    one[0], other[3] = 2.0, 5.0
    slanted = one / 2 + other / 5
    same, orthogonal, half = (torch.cat(pair)[None] for pair in ((one, -3 * one), (one, other), (one, slanted)))
    assert block_diversity(same).item() == pytest.approx(1)
    assert block_diversity(orthogonal).item() == 0
    assert block_diversity(half).item() == pytest.approx(0.5)
    assert block_diversity(torch.cat([same, orthogonal])).item() == pytest.approx(0.5)
    # Three blocks: the pairs (one, one), (one, other) and (one, other).
    assert block_diversity(torch.cat([one, one, other])[None]).item() == pytest.approx(1 / 3)


@given(seed=st.integers(0, 1000), blocks=st.integers(1, 5))
def test_diversity_lies_between_zero_and_one(seed: int, blocks: int) -> None:
    torch.manual_seed(seed)
    value = block_diversity(torch.randn(7, 8 * blocks) * 10 ** torch.randn(7, 1)).item()
    assert 0 <= value <= 1 + 1e-6
    if blocks == 1:
        assert value == 0


def test_an_empty_row_leaves_the_diversity_finite() -> None:
    table = torch.zeros(2, 16, requires_grad=True)
    block_diversity(table).backward()
    assert table.grad is not None
    assert torch.isfinite(table.grad).all()


def test_weights_multiply_the_blocks_of_their_group() -> None:
    alpha = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    found = weigh(torch.ones(3, 16), alpha, torch.tensor([0, 1, 1]))
    assert found[:, [0, 7, 8, 15]].tolist() == [[1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
