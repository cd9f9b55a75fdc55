from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.writer import BundleContents
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.network import lookup
from ofa_export.planning.quality import MEASURED_PREFIXES, group_probes, measure_quality, table_quality


@torch.no_grad()
def ndcg_one_by_one(checkpoint: Checkpoint, group: int, table: torch.Tensor) -> float:
    """NDCG@10 as the paper's text has it: one history at a time, a sorted list, a logarithm."""
    model, probes, gains = checkpoint.model, checkpoint.probes, []
    for history, target, owner in zip(probes.histories, probes.targets, probes.user_groups, strict=True):
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
def test_the_curve_agrees_with_an_evaluation_of_its_own(
    checkpoint: Checkpoint, master: BundleContents, group: int
) -> None:
    curve = measure_quality(checkpoint, group=group, table=master.table, floor=master.floor_tiles)
    assert curve.full_table == pytest.approx(ndcg_one_by_one(checkpoint, group, checkpoint.table(group)), abs=1e-9)
    for tiles, value in curve.by_tiles:
        rows = torch.from_numpy(master.table.with_tiles(tiles).all_rows())
        assert value == pytest.approx(ndcg_one_by_one(checkpoint, group, rows), abs=1e-9)
    assert curve.users == 12


def test_the_floor_and_equal_steps_up_to_everything_are_measured(
    checkpoint: Checkpoint, master: BundleContents
) -> None:
    curve = measure_quality(checkpoint, group=0, table=master.table, floor=3)
    counts = [tiles for tiles, _ in curve.by_tiles]
    assert counts == [3, *(48 * step // MEASURED_PREFIXES for step in range(1, MEASURED_PREFIXES + 1))]
    above = measure_quality(checkpoint, group=0, table=master.table, floor=40)
    assert [tiles for tiles, _ in above.by_tiles] == [40, 42, 48]


def test_each_group_is_measured_on_its_own_users(checkpoint: Checkpoint) -> None:
    assert np.array_equal(group_probes(checkpoint, 1), np.arange(1, 24, 2))
    table = checkpoint.table(0)
    assert table_quality(checkpoint, group=0, table=table) != table_quality(checkpoint, group=1, table=table)


def test_a_group_without_users_is_measured_on_all(checkpoint: Checkpoint) -> None:
    probes = replace(checkpoint.probes, user_groups=np.zeros(24, np.int32))
    assert len(group_probes(replace(checkpoint, probes=probes), 1)) == 24


def test_a_history_may_be_part_of_the_ranking(checkpoint: Checkpoint, master: BundleContents) -> None:
    table: ElasticTable = master.table
    data = checkpoint.config.data.model_copy(update={"exclude_history": False})
    repeats = replace(checkpoint, config=checkpoint.config.model_copy(update={"data": data}))
    full = measure_quality(checkpoint, group=0, table=table, floor=3)
    assert measure_quality(repeats, group=0, table=table, floor=3).full_table <= full.full_table
