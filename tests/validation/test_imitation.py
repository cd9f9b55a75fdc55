from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from toys import random_model

from ofa_export.backends.registry import get_backend
from ofa_export.model.fake_quantised import QuantisedLinear, fake_quantised, int8_activations
from ofa_export.precision import INT8
from ofa_export.validation.imitation import (
    SymmetricallyQuantisedLinear,
    symmetric_int8_activations,
    with_activations,
)


def test_symmetric_activations_reach_as_far_below_zero_as_above() -> None:
    x = torch.tensor([[2.54, -0.03, 0.02, 0.011], [-1.27, 0.015, -0.015, 0.0], [0.0, 0.0, 0.0, 0.0]])
    expected = torch.tensor([[2.54, -0.04, 0.02, 0.02], [-1.27, 0.02, -0.02, 0.0], [0.0, 0.0, 0.0, 0.0]])
    # Halves, which -0.03 of steps of 0.02 and 0.015 of steps of 0.01 are, go away from zero.
    assert symmetric_int8_activations(x) == pytest.approx(expected, abs=1e-6)


def test_rows_with_values_of_one_sign_are_coarser_than_with_a_range() -> None:
    x = torch.rand((100, 32), generator=torch.Generator().manual_seed(0))
    symmetric, ranged = (
        (made(x) - x).square().mean().sqrt() for made in (symmetric_int8_activations, int8_activations)
    )
    assert symmetric / ranged == pytest.approx(2, rel=0.05)


def test_only_the_activations_change() -> None:
    model = fake_quantised(random_model(seed=3), INT8, backend=get_backend("torch-program"))
    before = copy.deepcopy(model)
    made = with_activations(model, "symmetric")
    layers = {path: layer for path, layer in model.named_modules() if isinstance(layer, QuantisedLinear)}
    for path, layer in layers.items():
        changed = made.get_submodule(path)
        assert isinstance(changed, SymmetricallyQuantisedLinear)
        assert torch.equal(changed.weight, layer.weight)
        assert not isinstance(layer, SymmetricallyQuantisedLinear)
    assert layers and not any(isinstance(layer, nn.Linear) for layer in made.modules())
    assert {name: value.tolist() for name, value in model.state_dict().items()} == {
        name: value.tolist() for name, value in before.state_dict().items()
    }
    assert made.tables is model.tables


def test_a_runtime_that_rounds_with_a_range_is_imitated_as_it_is() -> None:
    model = random_model(seed=3)
    assert with_activations(model, "range") is model
