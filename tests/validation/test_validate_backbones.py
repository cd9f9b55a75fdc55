"""Bundles of every backbone pass through the real runtimes."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.integration

CONVERTERS = ("litert", "executorch")
OURS = ("relative-transformer", "gated-convolution", "linear-recurrent-unit")
CHANCE = {"ranking.ndcg10.drop"}
"""A network with random weights ranks at random: one of its 24 users who changes places is more than the limit."""
IMPORTED: dict[str, dict[str, Any]] = {
    "pmixer-sasrec": {},
    "pmixer-sasrec-unmasked": {},
    "pmixer-sasrec-norm-first": {},
    "pmixer-sasrec-norm-last": {},
    "recbole-sasrec": {"inner_width": 32},
}


@pytest.mark.parametrize("backbone", OURS)
@pytest.mark.parametrize("converter", CONVERTERS)
def test_a_bundle_of_another_backbone_of_ours_passes(workshop_of: Any, backbone: str, converter: str) -> None:
    workshop = workshop_of(backbone=backbone)
    assert workshop.failed(workshop.report(workshop.complete(converter=converter))) <= CHANCE


@pytest.mark.slow
@pytest.mark.parametrize("backbone", IMPORTED)
# A conversion for ExecuTorch takes a minute.
@pytest.mark.parametrize("converter", ["litert", pytest.param("executorch", marks=pytest.mark.optional)])
def test_a_bundle_of_an_imported_backbone_passes(workshop_of: Any, backbone: str, converter: str) -> None:
    workshop = workshop_of(backbone=backbone, **IMPORTED[backbone])
    assert workshop.failed(workshop.report(workshop.complete(converter=converter))) <= CHANCE
