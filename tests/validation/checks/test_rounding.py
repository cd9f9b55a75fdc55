from __future__ import annotations

import numpy as np
from toys import CONFIG, random_model

from ofa_export.converters.registry import get_converter
from ofa_export.graphs.device import device_graphs
from ofa_export.model.fake_quantised import fake_quantised
from ofa_export.precision import FP32, INT8
from ofa_export.validation.checks.rounding import compare_rounding, unrounded_outputs
from ofa_export.validation.tolerance import Limit


def status(noise: list[float], *, unrounded: bool) -> str:
    right = np.ones((len(noise), 4), np.float32)
    outputs = {"adapt": {"theta_0": right + np.array(noise, np.float32)[:, None]}}
    places = [("adapt", "theta_0")] if unrounded else []
    floor = Limit(limit=70, why="test")
    (finding,) = compare_rounding(outputs, {"adapt": {"theta_0": right}}, places, floor=floor)
    assert finding.assertion == "rounding.adapt.theta_0.snr_db"
    return finding.status


def test_histories_with_an_unlucky_activation_are_no_defect() -> None:
    assert status([1e-5, 0.1, 1e-5], unrounded=False) == "pass"
    assert status([1e-5, 0.1, 0.1, 1e-5, 1e-5], unrounded=False) == "pass"


def test_a_defect_is_in_every_history() -> None:
    assert status([1e-3] * 20, unrounded=False) == "fail"
    assert status([1e-3] * 11 + [1e-5] * 9, unrounded=False) == "fail"


def test_where_nothing_is_rounded_the_worst_history_counts() -> None:
    assert status([1e-7, 1e-3, 1e-7], unrounded=True) == "fail"
    assert status([1e-7] * 3, unrounded=True) == "pass"


def test_embeddings_and_scores_are_rounded_at_no_precision() -> None:
    model = random_model(seed=3)
    converter = get_converter("torch-program")
    rounded = device_graphs(fake_quantised(model, INT8, converter=converter), candidates=5)
    assert unrounded_outputs(rounded) == [("adapt", "hidden"), ("score", "scores")]
    plain = device_graphs(fake_quantised(model, FP32, converter=converter), candidates=5)
    assert len(unrounded_outputs(plain)) == sum(len(graph.spec.outputs) for graph in plain)


def test_recbole_s_embedded_histories_are_held_to_the_last_digits() -> None:
    config = CONFIG.model_copy(update={"backbone": "recbole-sasrec", "inner_width": 16})
    model = fake_quantised(random_model(3, config), INT8, converter=get_converter("torch-program"))
    graphs = device_graphs(model, candidates=5)
    assert unrounded_outputs(graphs) == [("adapt", "hidden"), ("score", "scores")]
