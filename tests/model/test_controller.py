from __future__ import annotations

import pytest
import torch

from ofa_export.model.controller import StructureController, capped_gates, hard_gates, sampled_gates


def test_a_block_is_kept_where_keep_beats_skip() -> None:
    logits = torch.tensor([[[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]])
    assert hard_gates(logits).tolist() == [[1, 0, 0]]


def test_of_equal_margins_the_earlier_block_is_kept() -> None:
    # Margins 1, 2, 2, 1.
    logits = torch.tensor([[[0.0, 1.0], [-1.0, 1.0], [3.0, 5.0], [2.0, 3.0]]])
    assert [capped_gates(logits, cap)[0].tolist() for cap in (1, 2, 3, 4)] == [
        [0, 1, 0, 0],
        [0, 1, 1, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 1],
    ]


def test_a_cap_opens_no_gate_that_the_controller_closed() -> None:
    controller = StructureController(width=16, depth=3, depth_cap=2)
    logits = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]], [[0.0, 1.0], [0.0, 3.0], [0.0, 2.0]]])
    assert controller.decide(logits).tolist() == [[0, 1, 0], [0, 1, 1]]


def test_sampled_gates_are_zero_or_one_and_follow_the_logits() -> None:
    torch.manual_seed(0)
    logits = torch.tensor([0.0, 2.0]).expand(4000, 1, 2)
    gates = sampled_gates(logits)
    assert set(gates.unique().tolist()) == {0.0, 1.0}
    # Gumbel-max: keep with probability softmax(logits)[1]; four standard errors are .02.
    assert gates.mean().item() == pytest.approx(torch.softmax(logits[0, 0], 0)[1].item(), abs=0.02)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_gradient_of_a_sampled_gate_is_that_of_the_soft_sample(temperature: float) -> None:
    logits = torch.tensor([[[0.3, -0.2], [1.0, 0.5]]], requires_grad=True)
    torch.manual_seed(7)
    sampled_gates(logits, temperature=temperature).sum().backward()
    straight = logits.grad
    torch.manual_seed(7)
    noise = -torch.empty_like(logits).exponential_().log()
    soft = logits.detach().clone().requires_grad_(True)
    torch.softmax((soft + noise) / temperature, dim=-1)[:, :, 1].sum().backward()
    assert straight is not None and soft.grad is not None
    assert torch.allclose(straight, soft.grad, atol=1e-6)
    assert (straight != 0).all()


def test_at_first_every_block_is_kept() -> None:
    torch.manual_seed(1)
    controller = StructureController(width=16, depth=3)
    logits = controller(torch.randn(50, 5, 16), torch.ones(50, 5))
    assert logits.shape == (50, 3, 2)
    assert hard_gates(logits).min() == 1
