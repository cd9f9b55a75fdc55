from __future__ import annotations

from pathlib import Path

import pytest

from ofa_export.errors import ConfigError, UnknownNameError
from ofa_export.fleet.fleet_jobs import fleet_jobs
from ofa_export.fleet.recipe import FleetRecipe


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
