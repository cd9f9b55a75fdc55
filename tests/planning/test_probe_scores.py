from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ofa_export.bundle.codes import encode
from ofa_export.bundle.table import ElasticTable
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.fake_quantised import fake_quantised
from ofa_export.model.scoring import score_histories
from ofa_export.planning.bundled import bundled
from ofa_export.planning.probe_scores import ProbeScores
from ofa_export.planning.quality import group_probes, table_quality
from ofa_export.planning.recipe import BundleRecipe
from ofa_export.precision import Precision

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
def tables(checkpoint: Checkpoint) -> list[torch.Tensor]:
    sizes = checkpoint.config.model.group_sizes
    encoded = encode(checkpoint.table(GROUP).numpy(), group_sizes=sizes)
    table = ElasticTable.from_encoded(encoded, checkpoint.tile_orders[GROUP])
    return [torch.from_numpy(table.with_tiles(count).all_rows()) for count in (7, 20, table.tile_count)]


def test_versions_that_share_work_score_as_each_would_alone(checkpoint: Checkpoint, tables, backend, recipe) -> None:
    shared = ProbeScores(checkpoint, group=GROUP, tables=tables)
    histories = checkpoint.probes.histories[group_probes(checkpoint, GROUP)]
    for choices in VERSIONS:
        chosen = BundleRecipe.model_validate({**dict(recipe), **choices})
        cut = bundled(checkpoint, group=GROUP, recipe=chosen)
        rounded = fake_quantised(cut.model, chosen.precision, backend=backend)
        qualities, executed = shared.qualities(rounded, chosen.precision)
        alone = [table_quality(replace(cut, model=rounded), group=GROUP, table=table) for table in tables]
        assert qualities == pytest.approx(alone, abs=1e-9), choices
        _, gates = score_histories(rounded, rounded.adapt, tables[-1], histories)
        assert executed == pytest.approx(gates.mean(axis=0)), choices


def test_only_the_same_precision_of_controller_and_extractors_is_shared(checkpoint: Checkpoint, tables) -> None:
    scores = ProbeScores(checkpoint, group=GROUP, tables=tables)
    assert scores.common
    assert not any("generators" in layer for layer in scores.common)
    for precision in (
        Precision(default="fp32"),
        Precision(default="int8"),
        Precision(default="int8", layers=(("adapt.mapper.generators", "int4"),)),
    ):
        scores.qualities(checkpoint.model, precision)
    assert len(scores._interests) == 2 * len(tables)
