from __future__ import annotations

import torch

from ofa_export.model.blocks.masks import MASKED, causal_bias, valid_positions


def test_the_last_positions_are_real() -> None:
    assert valid_positions(torch.tensor([0, 1, 3]), 3).tolist() == [[0, 0, 0], [0, 0, 1], [1, 1, 1]]


def test_a_length_beyond_the_window_is_the_whole_window() -> None:
    assert valid_positions(torch.tensor([9]), 3).tolist() == [[1, 1, 1]]


def test_positions_look_at_real_positions_up_to_themselves() -> None:
    bias = causal_bias(torch.tensor([[0.0, 1.0, 1.0]]))
    assert (bias == 0)[0, 0].tolist() == [[False, False, False], [False, True, False], [False, True, True]]


def test_what_is_masked_gets_no_weight_at_all_and_stays_finite() -> None:
    weights = torch.softmax(torch.tensor([30.0, 1e4]) + torch.tensor([0.0, MASKED]), dim=0)
    assert weights.tolist() == [1, 0]
    assert torch.isfinite(torch.softmax(torch.full((4,), MASKED), dim=0)).all()
