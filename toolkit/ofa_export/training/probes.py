"""Stage `probes`: validation histories that travel with the checkpoint, for plan and validate."""

from __future__ import annotations

from ofa_export.data.histories import held_out_items
from ofa_export.model.checkpoint import Probes
from ofa_export.training.training_run import Session


def choose_probes(session: Session) -> Probes:
    """What the probe users had seen before their validation items, and those items.

    Args:
        session: gives data and users.

    Returns:
        Probes in the order of users.
    """
    found = held_out_items(
        session.histories,
        session.probe_users,
        split="validation",
        history_length=session.model.config.history_length,
    )
    return Probes(histories=found.history, targets=found.targets, user_groups=session.user_groups[found.users])
