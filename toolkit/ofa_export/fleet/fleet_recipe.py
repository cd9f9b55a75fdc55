"""Fleet recipes, and the bundles that they ask for, with names that can stand in one folder."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError, field_validator

from ofa_export.errors import ConfigError
from ofa_export.fleet.index import BundleName
from ofa_export.planning.bundle_job import Job, bundle_recipe, make_jobs, parse_group
from ofa_export.planning.limits import Limits, parse_budget
from ofa_export.support.frozen_model import FrozenModel


class FleetRecipe(FrozenModel):
    """Groups x budgets x runtimes of one checkpoint.

    Args:
        description: for people.
        budgets: sizes such as "4MB"; one bundle each.
        groups: a user group counted from 0, or "all".
        runtime: a runtime's name, or "both".
        converter: in place of its runtime's first one.
        bundle: a bundle recipe's name or file.
    """

    description: str = ""
    budgets: Annotated[tuple[str, ...], Field(min_length=1, max_length=1000)]
    groups: str = "all"
    runtime: str = "both"
    converter: str | None = None
    bundle: str = "int8"

    @field_validator("budgets", mode="before")
    @classmethod
    def _are_sizes(cls, budgets: object) -> object:
        if not isinstance(budgets, list | tuple):
            raise ValueError("must be a list of sizes such as [1MB, 4MB]")
        try:
            # Plain numbers are bytes in YAML too.
            return tuple(text for budget in budgets if parse_budget(text := str(budget)))
        except ConfigError as error:
            raise ValueError(str(error)) from error


def fleet_jobs(checkpoint: Path, recipe: FleetRecipe) -> tuple[Job, ...]:
    """Resolve a fleet recipe.

    Args:
        checkpoint: folder.
        recipe: which bundles.

    Returns:
        The jobs: budget by budget, so that the first ones need different conversions and can run side by side.

    Raises:
        CheckpointError: the checkpoint is rejected.
        ConfigError: the recipe names what there is not, or two bundles would have one name.
    """
    jobs = tuple(
        job
        for budget in recipe.budgets
        for job in make_jobs(
            # Workers may have another current folder.
            checkpoint.absolute(),
            budget=parse_budget(budget),
            budget_text=budget,
            runtime=recipe.runtime,
            converter=recipe.converter,
            group=parse_group(recipe.groups),
            recipe=bundle_recipe(recipe.bundle),
            limits=Limits(),
        )
    )
    # Some file systems take 4MB and 4mb for one name.
    by_name = defaultdict(list)
    for job in jobs:
        by_name[job.file_name.lower()].append(job.budget_text)
    twice = {name: budgets for name, budgets in by_name.items() if len(budgets) > 1}
    if twice:
        name, budgets = next(iter(twice.items()))
        raise ConfigError(
            f"{len(budgets)} bundles would have the name {name}: the budget {budgets[0]} is given {len(budgets)} "
            "times. Name each budget once."
        )
    try:
        TypeAdapter(BundleName).validate_python(max((job.file_name for job in jobs), key=len))
    except ValidationError as error:
        raise ConfigError(
            f"Bundles cannot have the name of the checkpoint's folder, of {len(checkpoint.resolve().name)} characters "
            "that must all be visible: rename it to something shorter and plainer."
        ) from error
    return jobs
