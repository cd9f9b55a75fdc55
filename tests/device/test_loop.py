from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ofa_export.bundle.reader import Bundle
from ofa_export.device.loop import TIMED_RUNS, Device, median_ranking
from ofa_export.errors import BundleError, ConfigError, HistoryError, NumericsError


@pytest.fixture
def bundle(bundle_path: Path) -> Iterator[Bundle]:
    with Bundle.open(bundle_path) as bundle:
        yield bundle


@pytest.fixture
def device(bundle: Bundle, network: Any) -> Device:
    return Device(bundle, network)


@pytest.mark.parametrize("history", [[4], [1, 2, 3], [0, 1, 2, 3, 4, 5], [9, 9, 9], list(range(20))])
def test_it_computes_what_the_network_defines(device: Device, bundle: Bundle, network: Any, history: list[int]) -> None:
    rows = bundle.table.all_rows()
    gates, keep_logits, scores = network.expected(rows[history[-6:]], rows)
    adaptation = device.adapt(history)
    np.testing.assert_array_equal(adaptation.gates, gates)
    np.testing.assert_allclose(adaptation.keep_logits, keep_logits, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(device.score(range(23)), scores, rtol=1e-4, atol=1e-4)
    assert adaptation.hidden.shape == (1, 6, 16)
    assert adaptation.thetas.shape == (3, 5)


def test_only_blocks_with_gate_one_run_in_order(device: Device, network: Any) -> None:
    seen = set()
    for item in range(23):
        network.calls.clear()
        adaptation = device.adapt([item])
        assert network.calls == ["adapt", *(f"block_{block}" for block in np.flatnonzero(adaptation.gates))]
        assert adaptation.blocks_run == tuple(np.flatnonzero(adaptation.gates))
        seen.add(adaptation.blocks_run)
    assert len(seen) > 2


def test_scores_come_in_chunks_whose_last_one_is_padded(device: Device, network: Any) -> None:
    device.adapt([1])
    network.calls.clear()
    scores = device.score(range(9))
    assert network.calls == ["score"] * 3
    assert np.array_equal(scores[8:], device.score([8]))
    assert not network.inputs["score"]["candidates"][0, 1:].any()
    assert device.score([]).shape == (0,)


def test_items_from_outside_the_bundle_can_be_scored(device: Device, bundle: Bundle) -> None:
    device.adapt_embeddings(bundle.table.lookup([3, 4]))
    extra = np.ones((5, 16), np.float32)
    assert np.array_equal(
        device.score_embeddings(np.concatenate([extra, bundle.table.lookup([0])]))[5:], device.score([0])
    )


def test_histories_are_padded_with_zeros_on_the_left(device: Device, bundle: Bundle, network: Any) -> None:
    device.adapt_embeddings(np.ones((6, 16), np.float32))
    device.adapt_embeddings(bundle.table.lookup([3, 1]))
    given = network.inputs["adapt"]
    assert given["length"].tolist() == [2]
    assert not given["history"][0, :4].any()
    assert np.array_equal(given["history"][0, 4:], bundle.table.lookup([3, 1]))


def test_a_short_history_after_a_long_one_leaves_no_trace(device: Device) -> None:
    device.adapt([2])
    expected = device.score(range(23))
    device.adapt(range(6))
    device.adapt([2])
    assert np.array_equal(device.score(range(23)), expected)


def test_an_adaptation_is_not_changed_by_the_next_one(device: Device) -> None:
    first = device.adapt([1, 2])
    names = ("hidden", "gates", "keep_logits", "thetas")
    before = [getattr(first, name).copy() for name in names]
    for item in range(23):
        device.adapt([item])
    for name, value in zip(names, before, strict=True):
        assert np.array_equal(getattr(first, name), value), name


def test_a_ranking_is_the_sorted_scores_without_the_visible_history(device: Device) -> None:
    history = [20, 0, 1, 2, 3, 4, 5]
    ranking = device.rank_rows(history, 5)
    scores = device.score(range(23))
    allowed = [row for row in range(23) if row not in history[-6:]]
    assert ranking.rows.tolist() == sorted(allowed, key=lambda row: (-scores[row], row))[:5]
    assert np.array_equal(ranking.scores, scores[ranking.rows])
    assert set(ranking.milliseconds) == {"lookup", "adapt", "blocks", "score", "sort"}
    assert all(value >= 0 for value in ranking.milliseconds.values())
    assert ranking.milliseconds["score"] > 0


def test_the_median_ranking_is_the_ranking_and_leaves_out_the_first_run(bundle: Bundle, network: Any) -> None:
    class SlowAtFirst:
        """Takes its time for the first call of `adapt`."""

        def __init__(self) -> None:
            self.calls = 0

        def run(self, graph: str, inputs: Any) -> Any:
            self.calls += graph == "adapt"
            if self.calls == 1:
                time.sleep(0.2)
            return network.run(graph, inputs)

        def close(self) -> None:
            """There is nothing to free."""

    runner = SlowAtFirst()
    device = Device(bundle, runner)
    ranking = median_ranking(device, [20, 0], 5)
    assert runner.calls == 1 + TIMED_RUNS
    assert ranking.milliseconds["adapt"] < 200
    assert ranking.rows.tolist() == device.rank_rows([20, 0], 5).rows.tolist()


def test_time_is_counted_from_when_it_was_asked_for_last(device: Device) -> None:
    device.take_milliseconds()
    device.adapt([1, 2])
    device.score([3])
    spent = device.take_milliseconds()
    assert spent["adapt"] > 0 and spent["score"] > 0 and not spent["sort"]
    assert not any(device.take_milliseconds().values())


def test_a_ranking_gives_what_is_left(device: Device) -> None:
    assert len(device.rank_rows([0, 1], 1000).rows) == 21


def test_equal_scores_go_by_row(bundle: Bundle, network: Any) -> None:
    pattern = np.array([[1, 0, 1, 0]], np.float32)
    ranking = Device(bundle, _Broken(network, "scores", lambda value: pattern)).rank_rows([22], 22)
    assert ranking.rows.tolist() == [*range(0, 22, 2), *range(1, 22, 2)]


def test_dropping_tiles_takes_effect_and_asks_for_a_new_adaptation(device: Device, bundle: Bundle) -> None:
    device.adapt([5])
    device.use_table(bundle.table.with_tiles(3))
    with pytest.raises(HistoryError, match="call adapt first"):
        device.score([0])
    device.adapt([5])
    assert np.isfinite(device.score(range(23))).all()


def test_keys_become_rows(device: Device) -> None:
    assert device.history_rows(["K3", "nothing", "K0"]).rows == (3, 0)


@pytest.mark.parametrize(("history", "sentence"), [([], "empty"), ([23], "outside"), ([-1], "outside")])
def test_histories_that_cannot_be_ranked_for_are_refused(device: Device, history: list[int], sentence: str) -> None:
    for call in (device.adapt, lambda rows: device.rank_rows(rows, 3)):
        with pytest.raises(HistoryError, match=sentence):
            call(history)


def test_scoring_before_adapting_is_refused(device: Device) -> None:
    with pytest.raises(HistoryError, match="call adapt first"):
        device.score([0])


def test_a_ranking_of_nothing_is_refused(device: Device) -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        device.rank_rows([0], 0)


class _Broken:
    """A runtime that changes one output of the toy network."""

    def __init__(self, network: Any, output: str, change: Any) -> None:
        self.network, self.output, self.change = network, output, change

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        outputs: dict[str, NDArray[Any]] = self.network.run(graph, inputs)
        if self.output in outputs:
            outputs[self.output] = self.change(outputs[self.output])
        return {name: value for name, value in outputs.items() if value is not None}

    def close(self) -> None:
        pass


@pytest.mark.parametrize("output", ["hidden", "gates", "theta_1", "scores"])
def test_outputs_against_the_contract_are_refused(bundle: Bundle, network: Any, output: str) -> None:
    for change in (lambda value: value[..., :-1], lambda value: None):
        with pytest.raises(BundleError, match=f"for {output}") as caught:
            Device(bundle, _Broken(network, output, change)).rank_rows([0], 3)
        assert caught.value.entry == "graphs.toy"
    with pytest.raises(NumericsError, match=f"{output} that are not finite"):
        Device(bundle, _Broken(network, output, lambda value: value * np.nan)).rank_rows([0], 3)
