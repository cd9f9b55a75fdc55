from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ofa_export.model.blocks.linear_recurrent_block import RING, LinearRecurrentBlock, recurrence

D, STATES = 8, 16


@pytest.fixture
def block() -> LinearRecurrentBlock:
    torch.manual_seed(3)
    made = LinearRecurrentBlock(width=D, rank=3).eval().requires_grad_(False)
    for parameter in made.parameters():
        parameter += 0.1 * torch.randn_like(parameter)
    return made


class Stepper:
    """The same block for one user, one event after the other: a complex state and whole weights instead of bases."""

    def __init__(self, block: LinearRecurrentBlock, theta: Tensor) -> None:
        self.block, self.parts = block, block.layout.split(theta)
        self.eigenvalues = torch.exp(torch.complex(-block.decay_log.exp(), block.phase_log.exp()))
        self.state = torch.zeros(STATES, dtype=torch.complex64)

    def step(self, x: Tensor) -> Tensor:
        driven = torch.complex(*self.linear("state_in", x).chunk(2))
        self.state = self.eigenvalues * self.state + self.block.scale_log.exp() * driven
        y = self.norm("recurrence_norm", x + self.linear("state_out", torch.cat([self.state.real, self.state.imag])))
        return self.norm("ffn_norm", y + self.linear("ffn_out", F.gelu(self.linear("ffn_in", y))))

    def linear(self, name: str, x: Tensor) -> Tensor:
        layer = self.block.linears[name]
        weight = layer.static.weight + self.parts[f"{name}.up"][0] @ layer.basis.weight
        return weight @ x + layer.static.bias + self.parts[f"{name}.bias"][0]

    def norm(self, name: str, x: Tensor) -> Tensor:
        layer = self.block.norms[name]
        return F.layer_norm(x, (D,), layer.gain + self.parts[f"{name}.gain"][0], layer.bias)


@pytest.mark.parametrize("length", [1, 2, 7, 200])
def test_the_block_is_one_step_after_the_other(block: LinearRecurrentBlock, length: int) -> None:
    x, theta = torch.randn(1, length, D), 0.2 * torch.randn(1, block.layout.size)
    stepper = Stepper(block, theta)
    expected = torch.stack([stepper.step(event) for event in x[0]])
    assert torch.allclose(block(x, torch.ones(1, length), theta)[0], expected, atol=2e-5)


def test_the_state_after_the_last_event_goes_on_with_the_next(block: LinearRecurrentBlock) -> None:
    real, imaginary = torch.randn(2, 1, 21, STATES).unbind()
    factor_real, factor_imaginary = block.eigenvalues()
    whole = torch.complex(*recurrence(real, imaginary, factor_real, factor_imaginary))
    before = torch.complex(*recurrence(real[:, :20], imaginary[:, :20], factor_real, factor_imaginary))
    stepped = torch.complex(factor_real, factor_imaginary) * before[:, -1]
    assert torch.allclose(whole[:, -1], stepped + torch.complex(real, imaginary)[:, -1], atol=1e-6)


def test_long_memory_is_exact_to_seven_digits() -> None:
    # An eigenvalue of almost 1 adds 1,024 values up.
    radius, phase = torch.tensor(0.9999), torch.tensor(2.5)
    factor = torch.polar(radius.double(), phase.double())
    x, state, expected = torch.randn(1, 1024, 1), torch.zeros(1, dtype=torch.complex128), []
    for event in x[0].double():
        state = factor * state + event
        expected.append(state)
    found = recurrence(x, torch.zeros_like(x), *(part[None].float() for part in (factor.real, factor.imag)))
    error = (torch.complex(*found)[0] - torch.stack(expected)).abs().max()
    assert error < 1e-4 * torch.stack(expected).abs().max()


def test_eigenvalues_start_in_the_ring_and_never_leave_the_unit_circle() -> None:
    block = LinearRecurrentBlock(width=64, rank=2)
    radius = torch.complex(*block.eigenvalues()).abs()
    assert RING[0] - 1e-6 <= radius.min() < radius.max() <= RING[1] + 1e-6
    # White noise of variance 1 makes a state of variance 1: what comes in is made as small as it is long kept.
    variance = block.scale_log.exp() ** 2 / (1 - radius**2)
    assert torch.allclose(variance, torch.ones_like(variance), atol=1e-4)
    with torch.no_grad():
        block.decay_log.uniform_(-12, 12)
    assert torch.complex(*block.eigenvalues()).abs().max() < 1


def test_every_generated_parameter_and_every_eigenvalue_has_an_effect(block: LinearRecurrentBlock) -> None:
    theta = torch.zeros(1, block.layout.size, requires_grad=True)
    block.requires_grad_(True)
    (block(torch.randn(1, 12, D), torch.ones(1, 12), theta) * torch.randn(1, 12, D)).sum().backward()
    for parameter in (theta, block.decay_log, block.phase_log, block.scale_log):
        assert parameter.grad is not None
        assert (parameter.grad != 0).all()
