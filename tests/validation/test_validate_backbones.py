"""Bundles of every backbone pass through the real runtimes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from ofa_export.converters.registry import get_converter
from ofa_export.graphs.device import device_graphs
from ofa_export.model.reductions.without_adaptation import without_adaptation
from ofa_export.precision import INT4

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


def test_positions_are_quantised_also_where_nothing_else_of_adapt_is_and_one_step_beside_is_a_defect(
    workshop_of: Any,
) -> None:
    workshop = workshop_of(backbone="recbole-sasrec", **IMPORTED["recbole-sasrec"])
    contents = workshop.complete(converter="litert", precision="int4", adaptation="none")
    assert workshop.failed(workshop.report(contents)) <= CHANCE
    changed = without_adaptation(workshop.checkpoint.model)
    with torch.no_grad():
        changed.position[:, 3] += changed.position[:, 3].abs().max() / 127
    graphs = get_converter("litert").convert(device_graphs(changed, candidates=25), precision=INT4)
    report = workshop.report(replace(contents, graphs=graphs))
    assert {"rounding.adapt.hidden.snr_db", "sweep.adapt.hidden.snr_db"} <= workshop.failed(report)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", IMPORTED)
# A conversion for ExecuTorch takes a minute.
@pytest.mark.parametrize("converter", ["litert", pytest.param("executorch", marks=pytest.mark.optional)])
def test_a_bundle_of_an_imported_backbone_passes(workshop_of: Any, backbone: str, converter: str) -> None:
    workshop = workshop_of(backbone=backbone, **IMPORTED[backbone])
    assert workshop.failed(workshop.report(workshop.complete(converter=converter))) <= CHANCE
