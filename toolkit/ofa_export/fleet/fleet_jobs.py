"""The bundles of a fleet, one job each, with names that can stand in one folder."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from ofa_export.errors import ConfigError
from ofa_export.fleet.recipe import FleetRecipe
from ofa_export.planning.bundle_job import Job, make_jobs
from ofa_export.planning.limits import Limits


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
            checkpoint,
            budget=budget,
            runtime=recipe.runtime,
            converter=recipe.converter,
            group=recipe.groups,
            recipe=recipe.bundle,
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
    return jobs
