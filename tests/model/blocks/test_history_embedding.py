from __future__ import annotations

import torch

from ofa_export.model.blocks.history_embedding import NormedEmbedding, ScaledEmbedding, from_the_oldest
from ofa_export.model.blocks.masks import valid_positions

T = 5


def test_the_oldest_item_gets_the_first_position() -> None:
    position = torch.arange(1.0, T + 1)[:, None]
    shifted = from_the_oldest(position, valid_positions(torch.tensor([1, 3, T]), T))
    assert shifted[:, :, 0].tolist() == [[0, 0, 0, 0, 1], [0, 0, 1, 2, 3], [1, 2, 3, 4, 5]]


def test_the_scaled_embedding_counts_from_the_newest() -> None:
    history, position = torch.randn(2, T, 16), torch.randn(T, 16)
    found = ScaledEmbedding(16)(history, position, torch.ones(2, T))
    assert torch.allclose(found, 4 * history + position)


def test_the_normed_embedding_normalises_the_sum() -> None:
    history, position = torch.randn(1, T, 16), torch.randn(T, 16)
    found = NormedEmbedding(16, 1e-12, unpadded=16)(history, position, torch.ones(1, T))
    assert torch.allclose(found.mean(dim=-1), torch.zeros(1, T), atol=1e-6)
    total = history + position
    assert torch.allclose(found, (total - total.mean(-1, True)) / total.std(-1, correction=0, keepdim=True), atol=1e-5)
