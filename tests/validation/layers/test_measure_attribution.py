from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch

from ofa_export.converters.registry import get_converter
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.fake_quantised import fake_quantised
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.precision import parse_precision
from ofa_export.ranking.metrics import ndcg, target_ranks
from ofa_export.ranking.scoring import score_histories
from ofa_export.ranking.validation_scores import ValidationScores
from ofa_export.support.content_cache import ContentCache
from ofa_export.validation.layers.attribution import EVERYTHING, Attribution, LayerGain
from ofa_export.validation.layers.measure_attribution import measure_attribution
from ofa_export.validation.reports.json import report_schema, reports_to_json
from ofa_export.validation.reports.report import Report

# Seconds each, which the fast tier has no room for.
pytestmark = pytest.mark.integration

SENSITIVE = "adapt.controller.head_in"


def make_sensitive(model: AdaptiveRecommender) -> None:
    """The same function, but one column of a layer is so large that int8 has no steps left for the others."""
    controller = model.controller
    controller.head_in.weight[:, 0] *= 5000
    controller.extractor.pooled_norm.weight[0] /= 5000
    controller.extractor.pooled_norm.bias[0] /= 5000


def with_targets_the_reference_finds(checkpoint: Checkpoint) -> Checkpoint:
    """What the reference ranks first is the right answer, so whatever changes a ranking costs."""
    histories = checkpoint.validation.histories
    scores, _ = score_histories(checkpoint.model, checkpoint.model.adapt, checkpoint.table(0), histories)
    for row, history in zip(scores, histories, strict=True):
        row[history[history >= 0]] = -np.inf
    return replace(
        checkpoint, validation=replace(checkpoint.validation, targets=scores.argmax(axis=1).astype(np.int32))
    )


@dataclass(frozen=True)
class Attributed:
    """A bundle's attribution and what it is about."""

    found: Attribution
    checkpoint: Checkpoint
    table: torch.Tensor

    def gain(self, layer: str) -> LayerGain:
        return next(gain for gain in self.found.gains if gain.layer == layer)


Attribute = Callable[..., Attributed]


@pytest.fixture
def attribute(workshop_of: Callable[..., Any], tmp_path: Path) -> Attribute:
    """Makes and attributes a bundle of a changed model."""

    def make(
        change: Callable[[AdaptiveRecommender], None] = lambda model: None,
        *,
        tiles: int | None = None,
        precision: str = "int8",
    ) -> Attributed:
        workshop = workshop_of()
        with torch.no_grad():
            change(workshop.checkpoint.model)
        checkpoint = with_targets_the_reference_finds(workshop.checkpoint)
        # A store of its own: the checkpoint's digest does not know of the changes.
        workshop = replace(workshop, checkpoint=checkpoint, store=ContentCache(tmp_path / "store"))
        with workshop.comparison(workshop.complete(precision=precision), tiles=tiles) as comparison:
            table = torch.from_numpy(comparison.bundle.table.all_rows())
            return Attributed(measure_attribution(comparison), checkpoint, table)

    return make


def test_the_layer_that_int8_spoils_is_found_and_the_recipe_keeps_it(attribute: Attribute) -> None:
    made = attribute(make_sensitive)
    found, best = made.found, made.gain(SENSITIVE)
    assert found.recipe == f"precision: {{default: int8, layers: {{{SENSITIVE}: fp32}}}}"
    assert best.gain.low > 0.05 and best.gain.mean > 0.8 * found.losses[-1].cost.mean
    assert (best.scheme, best.layers, best.extra_bytes) == ("fp32", 1, 16 * 16 * 3)
    inside = (SENSITIVE, "adapt", "adapt.controller", EVERYTHING)
    assert max(gain.gain.mean for gain in found.gains if gain.layer not in inside) < 0.2 * best.gain.mean


def test_where_no_layer_is_sensitive_there_is_nothing_to_recommend(attribute: Attribute) -> None:
    found = attribute().found
    assert found.recipe is None and found.verdict.startswith("Nothing to gain from precision: int8 costs ")


def test_a_loss_to_few_tiles_is_not_put_down_to_precision(attribute: Attribute) -> None:
    found = attribute(tiles=12).found
    cut, tiles, precision = found.losses
    assert (cut.step, tiles.step, precision.step) == ("cut", "tiles", "precision")
    assert cut.cost.mean == 0 and tiles.cost.low > 0.05
    assert "a larger budget brings that back" in found.verdict


def test_the_costs_add_up(attribute: Attribute) -> None:
    made = attribute(make_sensitive, tiles=12)
    found, everything = made.found, made.gain(EVERYTHING)
    ends = [found.trained_ndcg_at_10, *(loss.ndcg_at_10 for loss in found.losses)]
    assert [loss.cost.mean for loss in found.losses] == pytest.approx([a - b for a, b in pairwise(ends)])
    # Everything at full precision is the bundle without the last step.
    assert everything.ndcg_at_10 == pytest.approx(found.losses[1].ndcg_at_10)
    assert everything.gain.mean == pytest.approx(found.losses[2].cost.mean)


def test_users_whose_next_item_the_bundle_leaves_out_count_as_missed(workshop_of: Callable[..., Any]) -> None:
    workshop = workshop_of()
    with workshop.comparison(workshop.complete(items=40)) as comparison:
        found = measure_attribution(comparison)
        scores = ValidationScores(comparison.checkpoint, group=0, tables=[comparison.table])
        ((expected,), _) = scores.qualities(comparison.rounded, comparison.recipe.precision)
    cut, *_, precision = found.losses
    assert scores.users == cut.cost.users == len(workshop.checkpoint.validation.targets)
    assert precision.ndcg_at_10 == pytest.approx(expected, abs=1e-6)
    assert cut.ndcg_at_10 == pytest.approx(found.trained_ndcg_at_10 - cut.cost.mean)


def test_full_precision_is_attributed_too(attribute: Attribute) -> None:
    found = attribute(precision="fp32").found
    assert found.gains == () and found.losses[-1].cost.mean == 0


def test_a_gain_is_what_the_network_with_that_layer_kept_ranks(attribute: Attribute) -> None:
    made = attribute(make_sensitive)
    validation = made.checkpoint.validation
    for layer in ("block_0.block.linears.ffn_out.static", "adapt.mapper.generators.1.out", "adapt.controller"):
        precision = parse_precision(f"int8,{layer}=fp32")
        model = fake_quantised(made.checkpoint.model, precision, converter=get_converter("torch-program"))
        scores, _ = score_histories(model, model.adapt, made.table, validation.histories)
        expected = ndcg(target_ranks(scores, validation.targets, history=validation.histories), 10).mean()
        assert made.gain(layer).ndcg_at_10 == pytest.approx(expected, abs=1e-9)


def test_it_is_measured_once(attribute: Attribute, tmp_path: Path) -> None:
    first = attribute(make_sensitive).found
    (entry,) = (tmp_path / "store").glob("*.attribution")
    stamp = entry.stat().st_mtime_ns
    assert attribute(make_sensitive).found == first
    assert entry.stat().st_mtime_ns == stamp


def test_json_has_the_attribution_and_its_schema(attribute: Attribute, good: Report) -> None:
    report = replace(good, attribution=attribute(make_sensitive).found)
    content = json.loads(reports_to_json([report], code=0))
    jsonschema.validate(content, json.loads(report_schema()))
    found = content["reports"][0]["attribution"]
    assert [loss["step"] for loss in found["losses"]] == ["cut", "tiles", "precision"]
    assert found["gains"][0]["gain"].keys() == {"mean", "half_width", "users"}
