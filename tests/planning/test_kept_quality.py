"""What share of the checkpoint's quality a plan keeps, and which budget keeps more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ofa_export.bundle.manifest import NdcgAt10, TilesQuality
from ofa_export.bundle.writer import BundleContents, smallest_budget
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.kept_quality import KeptQuality, kept_text, percent, trained_ndcg, way_out
from ofa_export.planning.plan import Plan, make_plan


@pytest.mark.parametrize(
    ("bundle", "exact", "sentence"),
    [
        (0.2081, True, "Keeps 100 % of the checkpoint's quality: NDCG@10 0.2081 of 0.2081"),
        (0.1924, False, "Keeps at least 92 % of"),
        (0.1872, True, "Keeps only 89 % of"),
        (0.0227, False, "Only 11 % of the checkpoint's quality is sure to be kept: NDCG@10 0.0227 of 0.2081"),
        (None, False, "Only 0 % of"),
    ],
)
def test_what_is_kept_in_words(bundle: float | None, exact: bool, sentence: str) -> None:
    kept = KeptQuality(bundle=bundle, checkpoint=0.2081, exact=exact)
    assert kept.text.startswith(sentence)
    assert kept.enough == (bundle is not None and bundle / 0.2081 >= 0.9)


def test_a_share_that_is_not_enough_is_never_rounded_to_enough() -> None:
    assert [percent(share) for share in (0.8999, 0.9, 1.004)] == ["89 %", "90 %", "100 %"]


def test_a_plan_names_the_nearest_budget_that_keeps_enough(complete: BundleContents, recipe: BundleRecipe) -> None:
    counts = [each.tiles for each in complete.fields.quality.ndcg_at_10.by_tiles]
    texts = ["0.0200", "0.1700", *["0.2000"] * (len(counts) - 2)]
    by_tiles = [TilesQuality(tiles=tiles, ndcg_at_10=text) for tiles, text in zip(counts, texts, strict=True)]
    measured = NdcgAt10(full_table="0.2000", by_tiles=tuple(by_tiles))
    quality = complete.fields.quality.model_copy(update={"ndcg_at_10": measured})
    contents = replace(complete, fields=complete.fields.model_copy(update={"quality": quality}))

    def planned(budget: int, trained: float = 0.2) -> Plan:
        return make_plan(contents, recipe=recipe, budget=budget, trained_ndcg=trained)

    plan = planned(smallest_budget(contents, counts[0]))
    assert plan.kept.share == pytest.approx(0.1)
    budget, sentence = way_out(plan, ())
    assert budget == smallest_budget(contents, counts[2])
    assert f"--budget {budget} (100 %, {counts[2]} tiles)" in sentence
    assert kept_text(plan, ()).endswith(sentence)
    assert planned(budget).kept.enough
    assert not planned(budget - 1).kept.enough
    assert way_out(planned(budget, trained=0.9), ())[0] is None


@pytest.mark.parametrize(
    ("config", "value"),
    [
        ({"model": {}, "training": {"probe_ndcg_at_10": {"adapted": 0.20812}}}, 0.2081),
        ({"model": {"user_groups": 2}, "training": {"probe_ndcg_at_10": {"adapted": 0.2}}}, None),
        ({"model": {}, "training": {"probe_ndcg_at_10": {"adapted": "0.2"}}}, None),
        ({"model": {}, "training": {"probe_ndcg_at_10": [0.2]}}, None),
        ({"model": {}, "training": {}}, None),
    ],
)
def test_the_quality_that_a_checkpoint_records(config: dict[str, object], value: float | None) -> None:
    assert trained_ndcg(config) == value
