from __future__ import annotations

from typing import Any

import pytest
import yaml

from ofa_export.planning.bundle_recipe import OpenRecipe
from ofa_export.precision import INT8, Precision, parse_precision
from ofa_export.ranking.metrics import Interval
from ofa_export.validation.layers.attribution import (
    EVERYTHING,
    Attribution,
    LayerGain,
    Loss,
    attribution,
    kept_at,
    precision_line,
)

INT4 = Precision(default="int4")
NOTHING = Interval(mean=0.0003, half_width=0.001, users=1000)
MUCH = Interval(mean=0.01, half_width=0.002, users=1000)


def gain(layer: str, mean: float, extra_bytes: int, scheme: Any = "fp32", half_width: float = 0.001) -> LayerGain:
    found = Interval(mean=mean, half_width=half_width, users=1000)
    return LayerGain(layer=layer, layers=1, scheme=scheme, ndcg_at_10=0.2, gain=found, extra_bytes=extra_bytes)


def judged(
    *gains: LayerGain, precision: Precision = INT8, tiles: Interval = NOTHING, cost: Interval = MUCH
) -> Attribution:
    losses = (
        Loss(step="cut", ndcg_at_10=0.2, cost=NOTHING),
        Loss(step="tiles", ndcg_at_10=0.2, cost=tiles),
        Loss(step="precision", ndcg_at_10=0.2, cost=cost),
    )
    return attribution(trained=0.2, losses=losses, gains=gains, precision=precision)


ALL = gain(EVERYTHING, 0.01, 1_000_000)


def test_the_cheapest_that_brings_most_of_the_cost_back_is_recommended() -> None:
    found = judged(
        ALL,
        gain("adapt.controller", 0.009, 3_200, "int8"),
        gain("adapt.controller.head_in", 0.002, 800),
        precision=INT4,
    )
    assert found.recipe == "precision: {default: int4, layers: {adapt.controller: int8}}"
    assert "keep adapt.controller at int8, +0.0090 ± 0.0010 for 3,200 bytes" in found.verdict
    assert found.recipe in found.verdict
    assert [each.layer for each in found.gains] == [EVERYTHING, "adapt.controller", "adapt.controller.head_in"]


def test_where_no_part_brings_it_back_everything_has_to_change() -> None:
    found = judged(ALL, gain(EVERYTHING, 0.0095, 400_000, "int8"), gain("adapt", 0.004, 100_000), precision=INT4)
    assert found.recipe == "precision: int8"


def test_a_gain_is_not_looked_for_where_nothing_is_lost() -> None:
    found = judged(ALL, gain("adapt", 0.004, 100_000), cost=NOTHING)
    assert found.recipe is None
    assert found.verdict.startswith(
        "Nothing to gain from precision: int8 costs 0.0003 ± 0.0010 NDCG@10 on 1,000 histories"
    )


def test_a_gain_that_may_be_chance_is_not_recommended() -> None:
    found = judged(ALL, gain("adapt.controller", 0.0095, 10, half_width=0.01))
    assert found.recipe == "precision: fp32"


def test_full_precision_has_nothing_to_gain() -> None:
    found = judged(precision=Precision(default="fp32"), cost=Interval(mean=0, half_width=0, users=1000))
    assert (found.recipe, found.verdict.split(".")[0]) == (None, "All layers are at full precision")


def test_a_loss_to_the_tiles_is_called_one() -> None:
    found = judged(cost=NOTHING, tiles=MUCH)
    assert "The tiles cost 0.0100 ± 0.0020: a larger budget brings that back" in found.verdict
    assert "The tiles cost 0.0003 ± 0.0010, no more than chance" in judged(ALL).verdict


@pytest.mark.parametrize(
    ("text", "layer", "scheme", "line"),
    [
        ("int8", "adapt.controller", "fp32", "precision: {default: int8, layers: {adapt.controller: fp32}}"),
        (
            "int4,adapt=int8",
            "adapt.mapper",
            "fp32",
            "precision: {default: int4, layers: {adapt: int8, adapt.mapper: fp32}}",
        ),
        ("int8,adapt.mapper.query=int4", "adapt", "int8", "precision: {default: int8, layers: {adapt: int8}}"),
        ("int4,adapt=int8", EVERYTHING, "int8", "precision: int8"),
    ],
)
def test_the_line_is_one_that_a_bundle_recipe_can_have(text: str, layer: str, scheme: Any, line: str) -> None:
    kept = kept_at(parse_precision(text), layer, scheme)
    assert precision_line(kept) == line
    recipe = OpenRecipe.model_validate({"description": "x", "selftest": {}, **yaml.safe_load(line)})
    assert recipe.precision == kept and kept.scheme_of(f"{layer}.x" if layer != EVERYTHING else "score") == scheme
