from __future__ import annotations

import numpy as np
from toys import CONFIG, random_model

from ofa_export.backends.registry import get_backend
from ofa_export.graphs.device import device_graphs
from ofa_export.model.fake_quantised import fake_quantised
from ofa_export.precision import FP32, INT8
from ofa_export.recipes import load_recipe
from ofa_export.validation.rounding import imitable, rounding_findings, unrounded_outputs
from ofa_export.validation.tolerance import Limit, TolerancePolicy

POLICY = load_recipe("tolerance", "default", TolerancePolicy)
FULL = POLICY.of_precision("fp32").model_copy(update={"rounding_snr_db": Limit(limit=100, why="test")})
INT8_LIMITS = POLICY.of_precision("int8").model_copy(
    update={
        "rounding_snr_db": Limit(limit=40, why="test"),
        "rounding_lucky_snr_db": Limit(limit=70, why="test"),
    }
)


def found(noise: list[float], *, unrounded: bool) -> dict[str, str]:
    right = np.ones((len(noise), 4), np.float32)
    outputs = {"adapt": {"theta_0": right + np.array(noise, np.float32)[:, None]}}
    places = [("adapt", "theta_0")] if unrounded else []
    findings = rounding_findings(
        outputs, {"adapt": {"theta_0": right}}, places, limits=INT8_LIMITS, full_precision=FULL
    )
    return {finding.assertion.removeprefix("rounding.adapt.theta_0."): finding.status for finding in findings}


def test_one_history_with_an_unlucky_activation_is_no_defect() -> None:
    assert found([1e-5, 0.1, 1e-5], unrounded=False) == {"snr_db": "pass", "lucky_snr_db": "pass"}
    assert found([0.1, 0.1, 1e-5], unrounded=False) == {"snr_db": "fail", "lucky_snr_db": "fail"}


def test_a_defect_leaves_no_lucky_history() -> None:
    assert found([1e-3] * 20, unrounded=False) == {"snr_db": "pass", "lucky_snr_db": "fail"}
    assert found([1e-3] * 17 + [1e-5] * 3, unrounded=False) == {"snr_db": "pass", "lucky_snr_db": "pass"}


def test_where_nothing_is_rounded_the_worst_history_counts_and_the_floor_is_that_of_full_precision() -> None:
    assert found([1e-7, 1e-4, 1e-7], unrounded=True) == {"snr_db": "fail"}


def test_embeddings_and_scores_are_rounded_at_no_precision() -> None:
    model = random_model(seed=3)
    backend = get_backend("torch-program")
    rounded = device_graphs(fake_quantised(model, INT8, backend=backend), candidates=5)
    assert unrounded_outputs(rounded) == [("adapt", "hidden"), ("score", "scores")]
    plain = device_graphs(fake_quantised(model, FP32, backend=backend), candidates=5)
    assert len(unrounded_outputs(plain)) == sum(len(graph.spec.outputs) for graph in plain)


def test_recbole_s_positions_are_rounded_too() -> None:
    config = CONFIG.model_copy(update={"backbone": "recbole-sasrec", "inner_width": 16})
    model = fake_quantised(random_model(3, config), INT8, backend=get_backend("torch-program"))
    graphs = device_graphs(model, candidates=5)
    assert unrounded_outputs(graphs) == [("score", "scores")]
    assert [graph.spec.name for graph in imitable(graphs)] == ["block_0", "block_1", "score"]
