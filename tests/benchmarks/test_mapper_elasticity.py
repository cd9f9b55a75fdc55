from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mapper_elasticity import Caps, MapperPoint, mapper_elasticity, runtime_costs

from ofa_export.converters.registry import get_converter
from ofa_export.errors import ConfigError
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.precision import INT8
from ofa_export.ranking.metrics import ndcg, target_ranks
from ofa_export.ranking.scoring import score_histories
from ofa_export.support.content_cache import ContentCache


@pytest.fixture(scope="module")
def toy(toy_checkpoint: Path) -> Checkpoint:
    loaded = load_checkpoint(toy_checkpoint)
    # Both gates open for some histories, so that a cap takes something away.
    loaded.model.controller.head_out.bias.copy_(torch.tensor([0.0, 4.0, 0.0, 4.0]))
    return loaded


@pytest.fixture(scope="module")
def points(toy: Checkpoint) -> dict[Caps, MapperPoint]:
    found = mapper_elasticity(
        toy.model, toy.table(0), toy.validation.histories, toy.validation.targets, ranks=(2, 1), depth_caps=(2, 1)
    )
    return {point.caps: point for point in found}


def test_every_combination_is_measured_in_order(points: dict[Caps, MapperPoint]) -> None:
    assert [(caps.rank, caps.depth_cap) for caps in points] == [(2, 2), (2, 1), (1, 2), (1, 1)]


def test_the_largest_is_the_network_itself(toy: Checkpoint, points: dict[Caps, MapperPoint]) -> None:
    scores, gates = score_histories(toy.model, toy.model.adapt, toy.table(0), toy.validation.histories)
    full = points[Caps(rank=2, depth_cap=2)]
    assert full.ndcg == pytest.approx(ndcg(target_ranks(scores, toy.validation.targets), 10).mean())
    assert full.executed_share == pytest.approx(gates.mean())


def test_smaller_ranks_save_parameters_and_caps_save_blocks(points: dict[Caps, MapperPoint]) -> None:
    full, flat, thin = (points[Caps(rank=r, depth_cap=m)] for r, m in ((2, 2), (2, 1), (1, 2)))
    assert thin.parameters < full.parameters == flat.parameters
    assert thin.parameter_bytes == 4 * thin.parameters
    assert flat.executed_share <= 0.5 < full.executed_share == thin.executed_share
    assert flat.macs < full.macs and thin.macs < full.macs


def test_multiply_accumulates_by_hand(points: dict[Caps, MapperPoint]) -> None:
    # d 16, T 8: a block's six linears with their rank-r parts, then attention's two products over all heads.
    d, T = 16, 8
    spent = points[Caps(rank=2, depth_cap=2)].macs - points[Caps(rank=2, depth_cap=1)].macs
    blocks = 2 * (points[Caps(rank=2, depth_cap=2)].executed_share - points[Caps(rank=2, depth_cap=1)].executed_share)
    assert spent / blocks == pytest.approx(6 * T * (d * d + 2 * d * 2) + 2 * T * T * d, rel=1e-5)


def test_the_history_can_leave_the_ranking(toy: Checkpoint) -> None:
    validation = toy.validation
    given = (toy.model, toy.table(0), validation.histories, validation.targets)
    scores, _ = score_histories(toy.model, toy.model.adapt, toy.table(0), validation.histories)
    for exclude in (True, False):
        (point,) = mapper_elasticity(*given, ranks=(2,), depth_caps=(2,), exclude_history=exclude)
        ranks = target_ranks(scores, validation.targets, history=validation.histories if exclude else None)
        assert point.ndcg == pytest.approx(ndcg(ranks, 10).mean())


def test_nothing_to_evaluate_and_impossible_caps_are_refused(toy: Checkpoint) -> None:
    validation = toy.validation
    with pytest.raises(ConfigError, match="no histories"):
        mapper_elasticity(
            toy.model, toy.table(0), validation.histories[:0], validation.targets[:0], ranks=(2,), depth_caps=(2,)
        )
    with pytest.raises(ConfigError, match="no rank 3"):
        mapper_elasticity(
            toy.model, toy.table(0), validation.histories, validation.targets, ranks=(3,), depth_caps=(2,)
        )
    with pytest.raises(ConfigError, match="nothing to measure"):
        runtime_costs(
            toy.model,
            toy.table(0),
            validation.histories,
            [],
            converter=get_converter("litert"),
            precision=INT8,
            store=ContentCache(),
        )


@pytest.mark.integration
@pytest.mark.parametrize("converter", ["litert", pytest.param("executorch", marks=pytest.mark.optional)])
def test_smaller_networks_run_on_both_runtimes(toy: Checkpoint, converter: str) -> None:
    caps = [Caps(rank=2, depth_cap=2), Caps(rank=1, depth_cap=1)]
    full, small = runtime_costs(
        toy.model,
        toy.table(0),
        np.ascontiguousarray(toy.validation.histories[:4]),
        caps,
        converter=get_converter(converter),
        precision=INT8,
        store=ContentCache(),
        rounds=3,
    )
    assert (full.caps, small.caps) == (caps[0], caps[1])
    assert full.time_ratio == 1
    assert small.milliseconds > 0
    assert small.time_ratio > 0
    assert small.graph_bytes < full.graph_bytes
