from __future__ import annotations

import numpy as np
import pytest
from toys import CONFIG, random_model

from ofa_export.graphs.device import device_graphs
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.validation.checks.small_inputs import LEVELS, compare_small_inputs, small_inputs
from ofa_export.validation.reference import Tensors, run_modules, run_reference
from ofa_export.validation.tolerance import Limit

ROWS = np.array([[-1, -1, -1, -1, -1, -1, -1, 3], [1, 2, 3, 4, 5, 6, 7, 8]], np.int32)


def inputs_of(model: AdaptiveRecommender) -> dict[str, Tensors]:
    graphs = device_graphs(model, candidates=5)
    reference = run_reference(graphs, rows=ROWS, table=model.tables[0])
    return dict(small_inputs(graphs, reference.inputs))


def test_hidden_states_of_every_graph_become_as_small_as_wanted() -> None:
    model = random_model(seed=3)
    inputs = inputs_of(model)
    assert set(inputs) == {"adapt", "block_0", "block_1", "score"}
    embedded = run_modules(device_graphs(model, candidates=5)[:1], inputs)["adapt"]["hidden"]
    for hidden in (embedded, inputs["block_1"]["hidden"], inputs["score"]["hidden"]):
        size = np.sqrt(np.square(hidden[:, -1]).mean(axis=-1))
        assert size == pytest.approx(np.repeat(LEVELS, len(ROWS)), rel=1e-2)


def test_padding_stays_padding() -> None:
    embedded = run_modules(device_graphs(random_model(seed=3), candidates=5)[:1], inputs_of(random_model(seed=3)))[
        "adapt"
    ]["hidden"]
    assert not embedded[0, :-1].any()


def test_a_history_that_is_normalised_cannot_be_small() -> None:
    config = CONFIG.model_copy(update={"backbone": "recbole-sasrec", "inner_width": 16})
    assert set(inputs_of(random_model(3, config))) == {"block_0", "block_1", "score"}


def test_another_epsilon_shows_and_the_same_one_does_not() -> None:
    model = random_model(seed=3)
    inputs = inputs_of(model)
    graphs = device_graphs(model, candidates=5)
    sound = run_modules(graphs, inputs)
    model.final_norm.eps = 1e-6
    broken = run_modules(device_graphs(model, candidates=5), inputs)
    floor = Limit(limit=60, why="test")
    usual = dict.fromkeys([(graph, output) for graph, tensors in sound.items() for output in tensors], 120.0)
    (failed,) = [
        each for each in compare_small_inputs(broken, sound, floor=floor, usual=usual) if each.status == "fail"
    ]
    assert failed.assertion == "small_inputs.score.scores.snr_db"
    assert failed.sentence.endswith("On real histories it has 120.0 dB.")
    assert all(found.status == "pass" for found in compare_small_inputs(sound, sound, floor=floor, usual=usual))


def test_what_deviates_on_real_histories_too_does_not_take_small_states() -> None:
    model = random_model(seed=3)
    inputs = inputs_of(model)
    sound = run_modules(device_graphs(model, candidates=5), inputs)
    model.final_norm.weight.mul_(1.5)
    broken = run_modules(device_graphs(model, candidates=5), inputs)
    usual = dict.fromkeys([(graph, output) for graph, tensors in sound.items() for output in tensors], 10.0)
    found = compare_small_inputs(broken, sound, floor=Limit(limit=60, why="test"), usual=usual)
    (failed,) = [each for each in found if each.status == "fail"]
    assert "it takes no small states, and the cause was not found" in failed.sentence


def test_activations_that_fall_either_way_in_most_histories_are_no_other_epsilon() -> None:
    model = random_model(seed=3)
    sound = run_modules(device_graphs(model, candidates=5), inputs_of(model))
    theta = np.array(sound["adapt"]["theta_0"])
    theta[1:] *= 1.01
    broken = {**sound, "adapt": {**sound["adapt"], "theta_0": theta}}
    floor = Limit(limit=60, why="test")
    usual = dict.fromkeys([(graph, output) for graph, tensors in sound.items() for output in tensors], 120.0)
    found = {each.assertion: each for each in compare_small_inputs(broken, sound, floor=floor, usual=usual)}
    assert found["small_inputs.adapt.theta_0.snr_db"].status == "fail"
    theta[2] = sound["adapt"]["theta_0"][2]
    found = {each.assertion: each for each in compare_small_inputs(broken, sound, floor=floor, usual=usual)}
    assert found["small_inputs.adapt.theta_0.snr_db"].status == "pass"
