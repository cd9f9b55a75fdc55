from __future__ import annotations

from pathlib import Path

import pytest
from toys import random_model, save_checkpoint

from ofa_export.converters.protocol import Converter
from ofa_export.planning.bundle_recipe import BundleRecipe, SelfTestRecipe
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.precision_cost import EXACT_DB, PROMISED_SNR_DB, PrecisionCost, load_precision_cost
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.recipes import load_recipe
from ofa_export.validation.tolerance import TolerancePolicy

SOUND = PrecisionCost(session_snr_db=26, histories=24, flipped=0, selftest_snr_db=30, selftest_flipped=0)


def asking(floor: float | None = None, precision: str = "int8") -> BundleRecipe:
    return BundleRecipe(description="toy", precision=precision, selftest=SelfTestRecipe(min_snr_db=floor))


def test_a_precision_that_keeps_its_promise_says_nothing() -> None:
    assert SOUND.text(asking()) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"session_snr_db": 13.04}, "scores are at 13.0 dB in the worst of 24 histories, where 25 dB are promised"),
        ({"selftest_snr_db": 24.0}, "the self-test reaches 24.0 dB of the 25 that the recipe asks for, so phones will"),
        ({"selftest_flipped": 2}, "asks for and turns 2 of its gates, so phones will refuse the bundle"),
    ],
)
def test_what_is_beyond_the_promise_is_said_with_numbers(change: dict[str, float], said: str) -> None:
    text = SOUND.model_copy(update=change).text(asking())
    assert text is not None
    assert text.startswith("int8 costs this model more than it promises: ")
    assert said in text


@pytest.mark.integration
def test_coarser_rounding_costs_more_and_none_costs_nothing(converter: Converter, tmp_path: Path) -> None:
    source = ExportSource(save_checkpoint(tmp_path / "toy", random_model(30)), group=0)
    store = ContentCache(tmp_path / "cache")
    costs = [
        load_precision_cost(source, converter=converter, recipe=asking(precision=name), store=store)
        for name in ("fp32", "int8", "int4")
    ]
    sessions, selftests = ([getattr(cost, name) for cost in costs] for name in ("session_snr_db", "selftest_snr_db"))
    assert sessions == sorted(sessions, reverse=True) and selftests == sorted(selftests, reverse=True)
    assert sessions[0] == EXACT_DB
    assert 60 > sessions[1] > 25 > sessions[2] > 10
    assert {cost.histories for cost in costs} == {24}


def test_promises_are_the_limits_of_validate() -> None:
    limits = load_recipe("tolerance", "default", TolerancePolicy).precisions
    assert {name: limits[name].session_snr_db.limit for name in PROMISED_SNR_DB} == PROMISED_SNR_DB
