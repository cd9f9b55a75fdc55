"""Scores of whole users by the PyTorch reference: the histories of a split against every item."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ofa_export.model.network import Adaptation, AdaptiveRecommender


@runtime_checkable
class Adapt(Protocol):
    """From an embedded history [B, T, d] and its valid positions [B, T] to gates and parameters."""

    def __call__(self, x: Tensor, valid: Tensor) -> Adaptation:
        """Adapt to each history of a batch."""


def static_adapt(model: AdaptiveRecommender) -> Adapt:
    """Return the control: every gate 1, every theta 0, whatever the history."""
    return lambda x, valid: model.static_adaptation(x.shape[0])


@torch.no_grad()
def score_histories(
    model: AdaptiveRecommender, adapt: Adapt, table: Tensor, histories: NDArray[np.int32], *, batch_size: int = 256
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Score every item for each history.

    Args:
        model: the network; left in evaluation mode.
        adapt: `model.adapt`, or what stands for it.
        table: [V, d], the item table that history and candidates are read from.
        histories: int32 [P, T], item rows, -1 where padded.
        batch_size: histories of one pass.

    Returns:
        scores [P, V] and gates [P, L], float32 or what the network and the table are.
    """
    model.eval()
    scores, gates = [], []
    for start in range(0, len(histories), batch_size):
        rows = torch.from_numpy(histories[start : start + batch_size].astype(np.int64)).to(table.device)
        x, valid = model.embed_rows(table, rows)
        adaptation = adapt(x, valid)
        state = model.assembled_states(x, valid, adaptation)[:, -1]
        scores.append((state @ table.T).cpu().numpy())
        gates.append(adaptation.gates.cpu().numpy())
    return np.concatenate(scores), np.concatenate(gates)
