"""User groups with a table each beside one shared table that is refined for as long (PEEL, section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ofa_export.data.histories import HeldOut
from ofa_export.evaluation.contenders import network_score
from ofa_export.evaluation.controls import STARTS, Control, ControlRuns, at_the_better_rate
from ofa_export.evaluation.quality import Quality, measure
from ofa_export.ranking.scoring import static_adapt
from ofa_export.training.groups_stage import cluster_users, refine_tables
from ofa_export.training.train_recipe import TrainRecipe
from ofa_export.training.training_run import TrainingRun

GROUP_COUNTS = (1, 2, 4, 8)
"""A device holds the table of its user's group, so all of these need the same bytes there."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupedQuality:
    """Tables of user groups and how well they rank.

    Args:
        groups: G_u.
        sizes: users of each group.
        quality: on the held-out items, each user with the table of their group.
    """

    groups: int
    sizes: tuple[int, ...]
    quality: Quality


def group_qualities(runs: ControlRuns, held_out: HeldOut) -> tuple[GroupedQuality, ...]:
    """Measure every number of groups, one shared table first.

    Args:
        runs: trains what is not in the cache.
        held_out: positions to predict.
    """
    return tuple(_grouped(runs.run(group_control(groups)), held_out) for groups in GROUP_COUNTS)


def group_control(groups: int) -> Control:
    """Return the static net whose table, or each group's, is trained on for as many steps at the better of two rates.

    Args:
        groups: G_u; 1 is the shared table.
    """

    def recipe(given: TrainRecipe) -> TrainRecipe:
        return given.model_copy(update={"model": given.model.model_copy(update={"user_groups": groups})})

    return Control(
        name=f"group_tables_{groups}",
        label=f"{groups} user groups" if groups > 1 else "one shared table",
        start=STARTS["static"],
        train=_refine,
        recipe=recipe,
        begin=lambda state: _for_groups(state, groups),
    )


def _refine(run: TrainingRun) -> None:
    if run.model.config.user_groups > 1:
        cluster_users(run)

    def fit(rate: float) -> None:
        settings = run.recipe.groups.model_copy(update={"learning_rate": rate})
        stage = f"group_tables_{rate:g}"
        run.measured[stage] = refine_tables(run, settings, stage=stage)

    at_the_better_rate(run, fit)


def _for_groups(state: dict[str, Any], groups: int) -> dict[str, Any]:
    """Return the state of a net with one table as that of a net with a copy of it for each group."""
    model = {name: value for name, value in state["model"].items() if name != "tables"}
    return state | {
        "model": model | {"tables": state["model"]["tables"].repeat(groups, 1, 1)},
        "importance": state["importance"].repeat(groups, 1, 1),
        "tiles": state["tiles"].repeat(groups, 1),
        "centroids": state["centroids"].repeat(groups, 1),
    }


def _grouped(run: TrainingRun, held_out: HeldOut) -> GroupedQuality:
    users, groups = np.unique(held_out.users), run.model.config.user_groups
    found: list[tuple[np.ndarray, Quality]] = []
    for group in range(groups):
        members = users[run.user_groups[users] == group]
        if len(members):
            score = network_score(run.model, static_adapt(run.model), run.full_tables(group))
            found.append((members, measure(score, held_out.of_users(members), run.histories)))
    order = np.argsort(np.concatenate([members for members, _ in found]))
    return GroupedQuality(
        groups=groups,
        sizes=tuple(np.bincount(run.user_groups, minlength=groups).tolist()),
        quality=Quality(
            ndcg=np.concatenate([quality.ndcg for _, quality in found])[order],
            hits=np.concatenate([quality.hits for _, quality in found])[order],
            executed=None,
            gate_patterns=0,
        ),
    )
