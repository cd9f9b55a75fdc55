from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from layer_sensitivity import LayerSensitivity, layer_sensitivity

from ofa_export.graphs.device import device_graphs
from ofa_export.graphs.layers import linear_layers
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.model.fake_quantised import fake_quantised
from ofa_export.precision import CHANNELWISE, GROUPWISE, INT8, Precision, QuantisationRules
from ofa_export.ranking.metrics import ndcg, target_ranks
from ofa_export.ranking.scoring import score_histories
from ofa_export.support.content_cache import ContentCache


@dataclass(frozen=True, kw_only=True)
class Runtime:
    name: str = "toy"
    rules: QuantisationRules = CHANNELWISE


@pytest.fixture(scope="module")
def checkpoint(toy_checkpoint: Path) -> Checkpoint:
    """The toy, but every block runs for everybody, so that every layer has a say."""
    loaded = load_checkpoint(toy_checkpoint)
    loaded.model.controller.head_out.bias.copy_(torch.tensor([-9.0, 9.0, -9.0, 9.0]))
    return loaded


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ContentCache:
    return ContentCache(tmp_path_factory.mktemp("sensitivity"))


@pytest.fixture(scope="module")
def measured(checkpoint: Checkpoint, store: ContentCache) -> tuple[LayerSensitivity, ...]:
    return layer_sensitivity(checkpoint, group=0, converter=Runtime(), store=store)


def test_every_layer_is_measured_and_the_most_sensitive_comes_first(
    checkpoint: Checkpoint, measured: tuple[LayerSensitivity, ...]
) -> None:
    layers = linear_layers(device_graphs(checkpoint.model, candidates=1))
    assert {entry.layer: entry.weights for entry in measured} == {
        name: layer.weight.numel() for name, layer in layers.items()
    }
    noise = [entry.snr_db for entry in measured]
    assert noise == sorted(noise)
    assert noise[0] < noise[-1] - 3


def test_an_entry_is_the_network_with_that_one_layer_at_int4(
    checkpoint: Checkpoint, measured: tuple[LayerSensitivity, ...]
) -> None:
    worst = measured[0]
    precision = Precision(default="int8", layers=((worst.layer, "int4"),))
    model = fake_quantised(checkpoint.model, precision, converter=Runtime())
    mine = checkpoint.validation.user_groups == 0
    histories, targets = checkpoint.validation.histories[mine], checkpoint.validation.targets[mine]
    scores, _ = score_histories(model, model.adapt, checkpoint.table(0), histories)
    expected = ndcg(target_ranks(scores, targets, history=histories), 10).mean()
    assert worst.ndcg_at_10 == pytest.approx(expected, abs=1e-12)
    assert worst.scheme == "int4"


def test_a_layer_that_cannot_have_int4_says_so(checkpoint: Checkpoint, store: ContentCache) -> None:
    measured = layer_sensitivity(checkpoint, group=0, converter=Runtime(rules=GROUPWISE), store=store)
    layers = linear_layers(device_graphs(checkpoint.model, candidates=1))
    int8 = {entry.layer: entry.snr_db for entry in measured if entry.scheme == "int8"}
    assert int8.keys() == {name for name, layer in layers.items() if layer.in_features % 32}
    assert len(set(int8.values())) == 1


def test_it_is_measured_once(checkpoint: Checkpoint, measured: tuple[LayerSensitivity, ...], tmp_path: Path) -> None:
    store = ContentCache(tmp_path)
    assert layer_sensitivity(checkpoint, group=0, converter=Runtime(), store=store) == measured
    (entry,) = tmp_path.glob("*.sensitivity")
    stamp = entry.stat().st_mtime_ns
    assert layer_sensitivity(checkpoint, group=0, converter=Runtime(), store=store) == measured
    assert entry.stat().st_mtime_ns == stamp


@pytest.mark.integration
def test_other_groups_schemes_and_rules_are_measured_anew(checkpoint: Checkpoint, tmp_path: Path) -> None:
    store = ContentCache(tmp_path)

    def files(**changes: object) -> int:
        layer_sensitivity(checkpoint, **({"group": 0, "converter": Runtime(), "store": store} | changes))
        return len(list(tmp_path.glob("*.sensitivity")))

    assert files() == 1
    assert files(group=1) == 2
    assert files(scheme="fp32") == 3
    assert files(base=Precision(default="int8", layers=(("block_0", "fp32"),))) == 4
    assert files(converter=Runtime(rules=GROUPWISE)) == 5
    assert files(base=INT8) == 5


def test_a_checkpoint_without_a_digest_is_not_cached(checkpoint: Checkpoint, tmp_path: Path) -> None:
    never_saved = replace(checkpoint, sha256="")
    assert layer_sensitivity(never_saved, group=0, converter=Runtime(), store=ContentCache(tmp_path))
    assert not list(tmp_path.iterdir())
