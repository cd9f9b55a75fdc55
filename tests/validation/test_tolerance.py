from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ofa_export.errors import ConfigError, UnknownNameError
from ofa_export.support.recipes import load_recipe, recipe_names
from ofa_export.support.resources import shipped
from ofa_export.validation.tolerance import TolerancePolicy


@pytest.mark.parametrize("name", recipe_names("tolerance"))
def test_every_shipped_recipe_is_valid_and_covers_every_scheme(name: str) -> None:
    policy = load_recipe("tolerance", name, TolerancePolicy)
    assert {"fp32", "int8", "int4"} <= policy.precisions.keys()


def test_strict_allows_nothing_that_default_refuses() -> None:
    default, strict = (load_recipe("tolerance", name, TolerancePolicy) for name in ("default", "strict"))
    assert strict.normalised_max_abs_err.limit < default.normalised_max_abs_err.limit
    for precision in ("fp32", "int8", "int4"):
        loose, tight = default.of_precision(precision), strict.of_precision(precision)
        assert tight.session_snr_db.limit >= loose.session_snr_db.limit
        assert tight.gate_margin.limit <= loose.gate_margin.limit
        assert tight.ndcg_drop.limit <= loose.ndcg_drop.limit
        assert tight.layer_unexplained_snr_db and loose.layer_unexplained_snr_db
        assert tight.layer_unexplained_snr_db.limit >= loose.layer_unexplained_snr_db.limit


def test_the_product_s_floors_are_the_default_ones() -> None:
    policy = load_recipe("tolerance", "default", TolerancePolicy)
    assert policy.normalised_max_abs_err.limit == 1e-4
    assert policy.plain_max_abs_err.limit == 1e-5
    floor = policy.of_precision("int8").graph_snr_db
    assert floor is not None and floor.limit == 30
    floor = policy.of_precision("int4").graph_snr_db
    assert floor is not None and floor.limit == 15


def test_of_several_schemes_the_coarsest_sets_the_limits(tolerance: TolerancePolicy) -> None:
    assert tolerance.of_precision("fp32+int8+int4") is tolerance.of_precision("int4")
    assert tolerance.of_precision("fp32+int8") is tolerance.of_precision("int8")


def test_a_precision_without_limits_is_named_with_those_that_have_some(tolerance: TolerancePolicy) -> None:
    with pytest.raises(UnknownNameError, match=r"'int2'.*Valid: fp32, int4, int8"):
        tolerance.of_precision("int8+int2")


def test_a_limit_without_a_reason_is_refused(tmp_path: Path) -> None:
    content = yaml.safe_load(shipped("export_recipes", "tolerance", "default.yaml").read_text())
    del content["tile_bytes"]["why"]
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=r"tile_bytes\.why"):
        load_recipe("tolerance", str(recipe), TolerancePolicy)
