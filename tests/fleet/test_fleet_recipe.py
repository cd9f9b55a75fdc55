from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ofa_export.errors import ConfigError, UnknownNameError
from ofa_export.fleet.fleet_recipe import FleetRecipe, fleet_jobs
from ofa_export.support.recipes import load_recipe, recipe_names


def test_every_shipped_recipe_can_be_loaded() -> None:
    assert recipe_names("fleet") == ("phones",)
    assert len(load_recipe("fleet", "phones", FleetRecipe).budgets) == 8


def test_plain_numbers_are_bytes() -> None:
    assert FleetRecipe.model_validate({"budgets": [1000000, "1MiB"]}).budgets == ("1000000", "1MiB")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(yaml.safe_dump({"budgets": ["1 MB"], "groups": 3, "backend": "both"}))
    with pytest.raises(ConfigError) as caught:
        load_recipe("fleet", str(path), FleetRecipe)
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("has 3 mistakes:")
    assert {line.split(":")[0].strip() for line in lines[1:]} == {"budgets", "groups", "backend"}
    assert "'1 MB' is not a size" in str(caught.value)
    assert "backend: is called runtime now" in str(caught.value)


@pytest.mark.parametrize("budgets", [[], "1MB", None])
def test_budgets_are_a_list_of_at_least_one(budgets: object) -> None:
    with pytest.raises(ValueError, match="budgets"):
        FleetRecipe.model_validate({"budgets": budgets})


def test_a_fleet_is_groups_x_budgets_x_runtimes_and_starts_with_what_needs_other_conversions(
    toy_checkpoint: Path,
) -> None:
    names = [job.file_name for job in fleet_jobs(toy_checkpoint, FleetRecipe(budgets=("1MB", "4MB")))]
    assert len(set(names)) == 2 * 2 * 2
    assert names[:4] == [
        "toy-1MB-executorch.ofab",
        "toy-1MB-executorch-g1.ofab",
        "toy-1MB-litert.ofab",
        "toy-1MB-litert-g1.ofab",
    ]


def test_two_outputs_of_one_name_are_refused(toy_checkpoint: Path) -> None:
    with pytest.raises(ConfigError, match=r"2 bundles would have the name toy-1mb-litert.ofab.*Name each budget once"):
        fleet_jobs(toy_checkpoint, FleetRecipe(budgets=("1MB", "4MB", "1MB"), runtime="litert", groups="0"))


def test_what_a_recipe_names_must_exist(toy_checkpoint: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'litert'"):
        fleet_jobs(toy_checkpoint, FleetRecipe(budgets=("1MB",), runtime="litrt"))
    with pytest.raises(UnknownNameError, match="bundle recipe"):
        fleet_jobs(toy_checkpoint, FleetRecipe(budgets=("1MB",), bundle="int7"))
