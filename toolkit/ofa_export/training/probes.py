"""Stage `probes`: validation histories that travel with the checkpoint, for plan and validate."""

from __future__ import annotations

import numpy as np

from ofa_export.data.histories import evaluation_batch
from ofa_export.model.checkpoint import Probes
from ofa_export.training.loop import stage_seed
from ofa_export.training.session import Session


def choose_probes(session: Session) -> Probes:
    """Draw users and take what they had seen before their validation item.

    Args:
        session: gives data, recipe and seed.

    Returns:
        Probes in the order of users.
    """
    generator = np.random.default_rng(stage_seed(session.seed, "probes"))
    candidates = session.histories.evaluation_users
    users = np.sort(generator.permutation(candidates)[: session.recipe.probes.users])
    histories, _, targets = evaluation_batch(
        session.histories, users, split="validation", history_length=session.model.config.history_length
    )
    return Probes(histories=histories, targets=targets, user_groups=session.user_groups[users])
