from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ofa_export.bundle.codes import encode
from ofa_export.bundle.table import ElasticTable
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.fake_quantised import fake_quantised
from ofa_export.model.network import lookup
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.reduced_checkpoint import bundled
from ofa_export.precision import FP32, Precision
from ofa_export.ranking.metrics import ndcg, target_ranks
from ofa_export.ranking.scoring import score_histories
from ofa_export.ranking.table_ranks import FullTable
from ofa_export.ranking.validation_scores import ValidationScores

GROUP = 1
VERSIONS = [
    {},
    {"rank": 1},
    {"depth_cap": 1},
    {"rank": 1, "precision": {"default": "int8", "layers": {"adapt.mapper.generators": "int4"}}},
    {"precision": {"default": "int4", "layers": {"adapt.controller": "int8"}}},
    {"precision": "fp32"},
    {"adaptation": "none"},
]


@pytest.fixture
def tables(checkpoint: Checkpoint) -> list[ElasticTable]:
    sizes = checkpoint.config.model.group_sizes
    encoded = encode(checkpoint.table(GROUP).numpy(), group_sizes=sizes)
    table = ElasticTable.from_encoded(encoded, checkpoint.tile_orders[GROUP])
    return [table.with_tiles(count) for count in (7, 20, table.tile_count)]


def table_quality(checkpoint: Checkpoint, table: torch.Tensor) -> float:
    """NDCG@10 the plain way: every score of every history at once."""
    chosen = checkpoint.validation.rows_of_group(GROUP)
    histories, targets = checkpoint.validation.histories[chosen], checkpoint.validation.targets[chosen]
    scores, _ = score_histories(checkpoint.model, checkpoint.model.adapt, table, histories)
    return float(ndcg(target_ranks(scores, targets, history=histories), 10).mean())


@torch.no_grad()
def ndcg_one_by_one(checkpoint: Checkpoint, group: int, table: torch.Tensor) -> float:
    """NDCG@10 as the paper's text has it: one history at a time, a sorted list, a logarithm."""
    model, validation, gains = checkpoint.model, checkpoint.validation, []
    for history, target, owner in zip(validation.histories, validation.targets, validation.user_groups, strict=True):
        if owner != group:
            continue
        valid = model.valid(torch.tensor([int((history >= 0).sum())]))
        x = model.embed(lookup(table, torch.from_numpy(history.astype(np.int64))[None]), valid)
        state = model.states(model.assemble(x, valid, model.adapt(x, valid)))[0, -1]
        scores = {row: float(score) for row, score in enumerate(table @ state) if row == target or row not in history}
        ranked = sorted(scores, key=lambda row: (-scores[row], row == target))
        place = 1 + ranked.index(int(target))
        gains.append(1 / math.log2(1 + place) if place <= 10 else 0.0)
    return sum(gains) / len(gains)


@pytest.mark.parametrize("group", [0, 1])
def test_qualities_agree_with_an_evaluation_of_its_own(
    checkpoint: Checkpoint, tables: list[ElasticTable], group: int
) -> None:
    full = checkpoint.table(group)
    measured = ValidationScores(checkpoint, group=group, tables=[FullTable(full), *tables])
    qualities, _ = measured.qualities(checkpoint.model, FP32)
    values = [full, *(torch.from_numpy(table.all_rows()) for table in tables)]
    assert qualities == pytest.approx([ndcg_one_by_one(checkpoint, group, table) for table in values], abs=1e-9)
    assert len(set(qualities)) > 1


def test_a_history_may_be_part_of_the_ranking(checkpoint: Checkpoint, tables: list[ElasticTable]) -> None:
    data = checkpoint.config.data.model_copy(update={"exclude_history": False})
    repeats = replace(checkpoint, config=checkpoint.config.model_copy(update={"data": data}))
    (without, *_), _ = ValidationScores(checkpoint, group=0, tables=tables).qualities(checkpoint.model, FP32)
    (within, *_), _ = ValidationScores(repeats, group=0, tables=tables).qualities(checkpoint.model, FP32)
    assert within < without


def test_versions_that_share_work_score_as_each_would_alone(
    checkpoint: Checkpoint, tables: list[ElasticTable], converter, recipe
) -> None:
    shared = ValidationScores(checkpoint, group=GROUP, tables=tables)
    histories = checkpoint.validation.of_group(GROUP).histories
    values = [torch.from_numpy(table.all_rows()) for table in tables]
    for choices in VERSIONS:
        chosen = BundleRecipe.model_validate({**dict(recipe), **choices})
        cut = bundled(checkpoint, recipe=chosen)
        rounded = fake_quantised(cut.model, chosen.precision, converter=converter)
        qualities, executed = shared.qualities(rounded, chosen.precision)
        alone = [table_quality(replace(cut, model=rounded), table) for table in values]
        assert qualities == pytest.approx(alone, abs=1e-9), choices
        _, gates = score_histories(rounded, rounded.adapt, values[-1], histories)
        assert executed == pytest.approx(gates.mean(axis=0)), choices


def test_only_the_same_precision_of_controller_and_extractors_is_shared(
    checkpoint: Checkpoint, tables: list[ElasticTable]
) -> None:
    scores = ValidationScores(checkpoint, group=GROUP, tables=tables)
    assert scores.common
    assert not any("generators" in layer for layer in scores.common)
    for precision in (
        Precision(default="fp32"),
        Precision(default="int8"),
        Precision(default="int8", layers=(("adapt.mapper.generators", "int4"),)),
    ):
        scores.qualities(checkpoint.model, precision)
    assert len(scores._interests) == 2 * len(tables)
