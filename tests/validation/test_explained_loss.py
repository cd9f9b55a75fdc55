from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ofa_export.model.network import AdaptiveRecommender
from ofa_export.validation.explained_loss import HEADROOM_DB, explained


@pytest.mark.parametrize(
    ("found", "is_explained"),
    [
        ([20.0, 14.0], True),
        ([20.0, 13.0 - HEADROOM_DB], True),
        ([20.0, 12.9 - HEADROOM_DB], False),
        ([14.9, 14.0], False),  # The first history is predicted at 40 dB.
        ([20.0, -np.inf], False),
        ([20.0, np.nan], False),
    ],
)
def test_a_history_below_the_floor_is_explained_by_the_same_loss_in_the_prediction(
    found: list[float], is_explained: bool
) -> None:
    assert explained(np.array(found), np.array([40.0, 13.0]), floor=15.0) is is_explained


@pytest.fixture
def demanding(workshop: Any) -> Any:
    """Limits that int8 cannot keep, whatever the model."""
    sound = workshop.tolerance
    int8 = sound.of_precision("int8")
    changes = {
        name: getattr(int8, name).model_copy(update={"limit": limit})
        for name, limit in {
            "graph_snr_db": 70,
            "session_snr_db": 70,
            "top10_overlap_share": 1,
            "gate_margin": 0,
        }.items()
    }
    return sound.model_copy(update={"precisions": {**sound.precisions, "int8": int8.model_copy(update=changes)}})


@pytest.mark.integration
def test_what_the_precision_costs_warns(workshop: Any, demanding: Any) -> None:
    report = workshop.report(workshop.complete(), tolerance=demanding)
    assert workshop.failed(report) == set()
    warned = {each.assertion: each.sentence for each in report.findings if each.status == "warn"}
    assert {"session.scores.snr_db", "quantisation.adapt.theta_0.snr_db"} <= set(warned)
    assert "the precision costs this model more than is promised" in warned["session.scores.snr_db"]


@pytest.mark.integration
def test_what_a_defect_costs_fails(workshop: Any, demanding: Any) -> None:
    def scale_generator(model: AdaptiveRecommender) -> None:
        model.mapper.generators[0].out.weight.mul_(1.3)

    failed = workshop.failed(workshop.with_model(scale_generator, tolerance=demanding))
    assert {"quantisation.adapt.theta_0.snr_db", "session.scores.snr_db"} <= failed
    assert "quantisation.adapt.theta_1.snr_db" not in failed


@pytest.mark.integration
def test_a_gate_that_rounding_does_not_turn_fails(workshop: Any) -> None:
    def keep_block_0(model: AdaptiveRecommender) -> None:
        model.controller.head_out.bias[1] += 100

    assert "gates.flipped_count" in workshop.failed(workshop.with_model(keep_block_0, precision="int4"))
