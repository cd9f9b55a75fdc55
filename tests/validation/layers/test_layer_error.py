from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ofa_export.converters.registry import get_converter
from ofa_export.graphs.device import device_graphs
from ofa_export.graphs.layers import linear_layers
from ofa_export.graphs.taps import tapped_graph
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.fake_quantised import fake_quantised
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.precision import INT8
from ofa_export.validation.histories import validation_histories
from ofa_export.validation.layers.layer_error import LayerError, run_layers, worst_first
from ofa_export.validation.reference import Reference, run_reference

# Seconds each, which the fast tier has no room for.
pytestmark = pytest.mark.integration

CANDIDATES = 25


@pytest.fixture(scope="module")
def reference(checkpoint: Checkpoint) -> Reference:
    rows = validation_histories(checkpoint, group=0, maximum=50).rows
    graphs = device_graphs(checkpoint.model, candidates=CANDIDATES)
    return run_reference(graphs, rows=rows, table=checkpoint.table(0))


def errors_of(
    checkpoint: Checkpoint,
    reference: Reference,
    breakage: Callable[[AdaptiveRecommender], None] = lambda model: None,
    *,
    converter: str = "torch-program",
) -> tuple[LayerError, ...]:
    """Errors of every layer on a device that has a changed copy of the model, as int8."""
    converter, changed = get_converter(converter), copy.deepcopy(checkpoint.model)
    with torch.no_grad():
        breakage(changed)
    exact, rounded, device = (
        device_graphs(model, candidates=CANDIDATES)
        for model in (checkpoint.model, fake_quantised(checkpoint.model, INT8, converter=converter), changed)
    )
    tapped = [tapped_graph(graph) for graph in device]
    content = converter.convert([each.graph for each in tapped], precision=INT8)
    runner = converter.load(content, [each.graph.spec for each in tapped])
    schemes = dict.fromkeys(linear_layers(exact), "int8")
    errors = [
        error
        for graph, each, designed in zip(exact, tapped, rounded, strict=True)
        for error in run_layers(
            runner,
            each,
            reference.inputs[graph.spec.name],
            exact=graph.module,
            rounded=designed.module,
            schemes=schemes,
            entry="graphs",
        ).errors
    ]
    runner.close()
    return worst_first(errors)


@pytest.fixture(scope="module")
def sound(checkpoint: Checkpoint, reference: Reference) -> tuple[LayerError, ...]:
    return errors_of(checkpoint, reference)


def int8(weight: NDArray[np.float32]) -> NDArray[np.float64]:
    scale = np.abs(weight.astype(np.float64)).max(axis=1, keepdims=True) / 127
    return np.round(weight / scale) * scale


def int8_range(x: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = np.minimum(x.min(axis=-1, keepdims=True), 0), np.maximum(x.max(axis=-1, keepdims=True), 0)
    scale = (high - low) / 255
    zero = np.round(-128 - low / scale)
    return (np.clip(np.round(x / scale) + zero, -128, 127) - zero) * scale


def test_the_numbers_of_a_layer_are_those_of_an_independent_computation(
    checkpoint: Checkpoint, reference: Reference, sound: tuple[LayerError, ...]
) -> None:
    # The query of the first block reads a LayerNorm, which is not rounded, so its input is the reference's.
    block = checkpoint.model.blocks[0]
    parts = block.layout.split(torch.from_numpy(reference.inputs["block_0"]["theta_0"]))  # type: ignore[operator]
    norm, linear = block.norms["attention_norm"], block.linears["query"].static  # type: ignore[index, union-attr]
    hidden = reference.inputs["block_0"]["hidden"].astype(np.float64)
    centred = hidden - hidden.mean(axis=-1, keepdims=True)
    x = centred / np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + 1e-5)
    x = x * (norm.gain.numpy() + parts["attention_norm.gain"].numpy())[:, None, :] + norm.bias.numpy()
    expected = x @ linear.weight.numpy().T + linear.bias.numpy()
    noise = int8_range(x) @ int8(linear.weight.numpy()).T + linear.bias.numpy() - expected
    (error,) = [error for error in sound if error.layer == "block_0.block.linears.query.static"]
    assert error.max_abs_err == pytest.approx(np.abs(noise).max(), rel=1e-3)
    signal, worst = np.square(expected).sum(axis=(1, 2)).mean(), np.square(noise).sum(axis=(1, 2)).max()
    assert error.snr_db == pytest.approx(10 * np.log10(signal / worst), abs=0.01)
    assert error.own_snr_db == pytest.approx(error.snr_db, abs=0.01)
    assert (error.graph, error.scheme) == ("block_0", "int8")


def test_every_layer_has_its_name_its_scheme_and_its_place(
    checkpoint: Checkpoint, sound: tuple[LayerError, ...]
) -> None:
    schemes = {error.layer: error.scheme for error in sound}
    assert set(linear_layers(device_graphs(checkpoint.model, candidates=1))) <= set(schemes)
    assert schemes["adapt.controller.head_in"] == schemes["block_1.block.linears.key"] == "int8"
    assert schemes["score.final_norm"] == schemes["block_0.block.norms.ffn_norm"] == schemes["score.scores"] == "fp32"
    own = [np.inf if error.own_snr_db is None else error.own_snr_db for error in sound]
    assert own == sorted(own)


def test_what_is_not_rounded_adds_nothing(sound: tuple[LayerError, ...]) -> None:
    for error in sound:
        if error.scheme == "fp32":
            assert error.own_snr_db is None or error.own_snr_db > 100, error


def scale_one_percent(model: AdaptiveRecommender) -> None:
    model.mapper.extractor.mix.weight[0] *= 1.01


def drop_bias(model: AdaptiveRecommender) -> None:
    model.blocks[1].linears["ffn_in"].static.bias.zero_()  # type: ignore[index, operator, union-attr]


def double_scale(model: AdaptiveRecommender) -> None:
    model.blocks[0].linears["value"].static.weight.mul_(2)  # type: ignore[index, operator, union-attr]


def other_epsilon(model: AdaptiveRecommender) -> None:
    model.blocks[0].norms["ffn_norm"].epsilon = 0.1  # type: ignore[index]


@pytest.mark.parametrize(
    ("breakage", "layer"),
    [
        (double_scale, "block_0.block.linears.value.static"),
        (other_epsilon, "block_0.block.norms.ffn_norm"),
    ],
)
def test_a_damaged_layer_comes_first_though_it_spoils_all_after_it(
    checkpoint: Checkpoint,
    reference: Reference,
    sound: tuple[LayerError, ...],
    breakage: Callable[[AdaptiveRecommender], None],
    layer: str,
) -> None:
    broken = errors_of(checkpoint, reference, breakage)
    assert broken[0].layer == layer
    # Twice the signal is twice the rounding in the layers that read it, and no more.
    before = {error.layer: error.own_snr_db for error in sound}
    for error in broken[1:]:
        assert error.own_snr_db is None or error.own_snr_db > min(100, before[error.layer] or 100) - 8


def test_nan_is_named_and_comes_first(checkpoint: Checkpoint, reference: Reference) -> None:
    def poison(model: AdaptiveRecommender) -> None:
        model.controller.head_out.bias[0] = np.nan

    broken = errors_of(checkpoint, reference, poison)
    assert broken[0].max_abs_err is None
    poisoned = {error.layer for error in broken if error.max_abs_err is None}
    assert "adapt.controller.head_out" in poisoned and "adapt.controller.head_in" not in poisoned
