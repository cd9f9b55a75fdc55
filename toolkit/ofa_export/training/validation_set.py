"""Validation histories that travel with the checkpoint, for plan and validate."""

from __future__ import annotations

from ofa_export.data.histories import held_out_items
from ofa_export.model.checkpoint import ValidationSet
from ofa_export.training.training_run import TrainingRun


def choose_validation(run: TrainingRun) -> ValidationSet:
    """Cut, for each user whose history travels, what came before the validation item, and that item.

    Args:
        run: gives data and users.

    Returns:
        The histories in the order of users.
    """
    found = held_out_items(
        run.histories,
        run.kept_users,
        split="validation",
        history_length=run.model.config.history_length,
    )
    return ValidationSet(histories=found.history, targets=found.targets, user_groups=run.user_groups[found.users])
