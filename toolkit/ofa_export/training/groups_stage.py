"""Stage `groups`: user groups by K-means, and each group's own item table (PEEL, section 3.2)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ofa_export.data.histories import left_pad
from ofa_export.errors import ConfigError, MissingToolError
from ofa_export.ranking.scoring import static_adapt
from ofa_export.training.distributed import from_first, gathered, share
from ofa_export.training.dropout import set_dropout
from ofa_export.training.kept_histories import SHARED
from ofa_export.training.static_stage import static_loss
from ofa_export.training.train_recipe import Optimiser
from ofa_export.training.training_loop import Task, Verdict, optimise
from ofa_export.training.training_run import TrainingRun


def train_groups(run: TrainingRun) -> None:
    """Cluster users and refine each group's table on its own interactions; one group leaves everything as it is.

    Args:
        run: its user groups, centroids and tables are replaced.

    Raises:
        ConfigError: there are fewer users than groups.
        MissingToolError: scikit-learn is not installed.
    """
    groups = run.model.config.user_groups
    check_groups(users=run.histories.users, groups=groups)
    if groups == 1:
        run.centroids[0] = user_vectors(run).mean(axis=0)
        return
    cluster_users(run)
    run.measured["groups"] = refine_tables(run, run.recipe.groups, stage="groups")
    run.measured["groups"]["sizes"] = np.bincount(run.user_groups, minlength=groups).tolist()


def cluster_users(run: TrainingRun) -> None:
    """K-means on the static net's user states; groups of few people are named.

    Args:
        run: its user groups and centroids are replaced.

    Raises:
        MissingToolError: scikit-learn is not installed.
    """
    vectors, groups = user_vectors(run), run.model.config.user_groups
    run.user_groups, run.centroids = from_first(lambda: _cluster(vectors, groups, run.seed))
    sizes = np.bincount(run.user_groups, minlength=groups)
    if few := [f"{group} ({size})" for group, size in enumerate(sizes) if size < SHARED]:
        run.progress.note(
            f"Note: these user groups have fewer than {SHARED} people, and the item table of each, which its bundles "
            f"give away, is fitted to what these did: {', '.join(few)}. Lower model.user_groups in the recipe."
        )


def refine_tables(run: TrainingRun, settings: Optimiser, *, stage: str) -> dict[str, Any]:
    """Train each group's table on the windows of its users; the backbone stays.

    Args:
        run: its tables are trained in place.
        settings: epochs and rates.
        stage: name, part of every seed.

    Returns:
        What `optimise` returns.
    """
    model = run.model
    set_dropout(model, settings.dropout)
    return optimise(
        Task(
            stage=stage,
            model=model,
            groups=[{"params": [model.tables], "lr": settings.learning_rate}],
            batches=run.batches(stage, settings, run.windows),
            steps_per_epoch=run.steps_per_epoch(settings, run.windows),
            step=lambda batch, generator: static_loss(
                model, batch, model.tables[batch.group], negatives=run.negatives(generator)
            ),
            validate=lambda: Verdict(quality=run.validation_ndcg(static_adapt(model), run.full_tables)[0]),
        ),
        settings,
        seed=run.seed,
        snapshot=run.snapshot(stage),
        progress=run.progress,
        fabric=run.fabric,
    )


@torch.no_grad()
def user_vectors(run: TrainingRun) -> NDArray[np.float32]:
    """Return the static net's state of each user after the training part of the history.

    Args:
        run: gives model and histories.

    Returns:
        float32 [U, d].
    """
    model, T = run.model.eval(), run.model.config.history_length
    vectors = []
    users = share(np.arange(run.histories.users))
    for start in range(0, len(users), 256):
        histories = [left_pad(run.histories.training_rows(int(u)), T) for u in users[start : start + 256]]
        rows = torch.from_numpy(np.stack(histories).astype(np.int64)).to(model.tables.device)
        vectors.append(model.static_states(model.tables[0], rows)[:, -1].cpu().numpy())
    return gathered(np.concatenate(vectors) if vectors else np.empty((0, model.config.width), np.float32))


def check_groups(*, users: int, groups: int) -> None:
    """Refuse more groups than users, before anything is trained.

    Raises:
        ConfigError: there are.
    """
    if users < groups:
        raise ConfigError(
            f"{groups} user groups need at least as many users; there are {users}. "
            "Lower model.user_groups in the recipe or give more users."
        )


def _cluster(vectors: NDArray[np.float32], groups: int, seed: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    try:
        from sklearn.cluster import KMeans
        from sklearn.exceptions import ConvergenceWarning
    except ImportError as error:
        raise MissingToolError(
            'User groups need scikit-learn. Install it with `pip install "ofa-export[train]"`, '
            "or set model.user_groups to 1 in the recipe."
        ) from error
    with warnings.catch_warnings():
        # Users who are all alike leave groups empty, which harms nobody.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(n_clusters=groups, n_init=4, random_state=seed).fit(vectors)
    return found.labels_.astype(np.int32), found.cluster_centers_.astype(np.float32)
