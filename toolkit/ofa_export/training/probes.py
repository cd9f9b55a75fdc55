"""Stage `probes`: validation histories that travel with the checkpoint, for plan and validate."""

from __future__ import annotations

from ofa_export.data.histories import evaluation_batch
from ofa_export.model.checkpoint import Probes
from ofa_export.training.session import Session


def choose_probes(session: Session) -> Probes:
    """What the probe users had seen before their validation item, and that item.

    Args:
        session: gives data and users.

    Returns:
        Probes in the order of users.
    """
    histories, _, targets = evaluation_batch(
        session.histories,
        session.probe_users,
        split="validation",
        history_length=session.model.config.history_length,
    )
    return Probes(histories=histories, targets=targets, user_groups=session.user_groups[session.probe_users])
