from __future__ import annotations

import pytest
import torch

from ofa_export.model.mapper import StructureGuidedMapper


@pytest.fixture
def mapper() -> StructureGuidedMapper:
    torch.manual_seed(0)
    made = StructureGuidedMapper(width=8, theta_sizes=(5, 7)).eval().requires_grad_(False)
    for generator in made.generators:
        generator.out.weight.normal_()
    return made


def test_one_vector_of_parameters_for_each_block(mapper: StructureGuidedMapper) -> None:
    thetas = mapper(torch.randn(3, 4, 8), torch.ones(3, 4), torch.randn(3, 2, 2))
    assert [tuple(theta.shape) for theta in thetas] == [(3, 5), (3, 7)]


def test_a_fresh_mapper_generates_zeros() -> None:
    mapper = StructureGuidedMapper(width=8, theta_sizes=(5,))
    (theta,) = mapper(torch.randn(3, 4, 8), torch.ones(3, 4), torch.randn(3, 1, 2))
    assert (theta == 0).all()


def test_the_structure_guides_the_parameters(mapper: StructureGuidedMapper) -> None:
    x, valid, logits = torch.randn(1, 4, 8), torch.ones(1, 4), torch.randn(1, 2, 2)
    for expected, found in zip(mapper(x, valid, logits), mapper(x, valid, -logits), strict=True):
        assert not torch.allclose(expected, found, atol=1e-3)


def test_generators_share_nothing(mapper: StructureGuidedMapper) -> None:
    x, valid, logits = torch.randn(1, 4, 8), torch.ones(1, 4), torch.randn(1, 2, 2)
    before = mapper(x, valid, logits)
    for parameter in mapper.generators[0].parameters():
        parameter.normal_()
    after = mapper(x, valid, logits)
    assert not torch.allclose(before[0], after[0], atol=1e-3)
    assert torch.equal(before[1], after[1])


def test_generators_are_trained(mapper: StructureGuidedMapper) -> None:
    mapper.requires_grad_(True)
    thetas = mapper(torch.randn(3, 4, 8), torch.ones(3, 4), torch.randn(3, 2, 2))
    sum(theta.square().sum() for theta in thetas).backward()
    for name, parameter in mapper.named_parameters():
        assert parameter.grad is not None, name
