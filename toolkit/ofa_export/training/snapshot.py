"""State of a run on disk: written whole or not at all, so that a kill at any point loses at most some steps."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from ofa_export.errors import CheckpointError
from ofa_export.support.atomic import atomic_write


def save_snapshot(path: Path, state: dict[str, Any]) -> None:
    """Write a dictionary of tensors and plain values under its name only when complete.

    Args:
        path: the file; replaced when it exists.
        state: tensors, numbers, strings, and lists and dictionaries of them.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with atomic_write(path) as file:
        file.write(buffer.getvalue())


def load_snapshot(path: Path) -> dict[str, Any]:
    """Read what `save_snapshot` wrote; only tensors and plain values, no code.

    Args:
        path: the file.

    Raises:
        CheckpointError: the file is not one of ours.
    """
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, OSError) as error:
        raise CheckpointError(
            f"Training state '{path}' is damaged or not ours. Start over with --force instead of --resume."
        ) from error
    return state
