"""Gradient steps on the user's own history, on the device: the alternative to adapting in one pass.

Source: our choice of the form: Adam on backbone and final norm (item table and positions stay as they are, as they
would on a phone), the static net's loss on all positions of the history, every user from the same start.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ofa_export.evaluation.quality import Score
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.support.processes import one_torch_thread

TIMED_USERS = 50
"""Enough for a median; ten gradient steps take a hundred times as long as one pass."""


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """Settings for fine-tuning a user's net.

    Args:
        steps: gradient steps.
        learning_rate: of Adam.
    """

    steps: int
    learning_rate: float


def fine_tuned_score(model: AdaptiveRecommender, table: Tensor, how: FineTuning) -> Score:
    """Return scores of nets that were each fine-tuned on the history that they score.

    Args:
        model: the static net that every user starts from; left as it is.
        table: [V, d].
        how: steps and rate.
    """

    def score(histories: NDArray[np.int32]) -> tuple[NDArray[np.float32], None]:
        with one_torch_thread():
            return np.concatenate([_score_one(model, table, row[None], how) for row in histories]), None

    return score


def _score_one(
    model: AdaptiveRecommender, table: Tensor, history: NDArray[np.int32], how: FineTuning
) -> NDArray[np.float32]:
    own = fine_tune(model, table, history, how)
    with torch.no_grad():
        states = own.static_states(table, torch.from_numpy(history.astype(np.int64)))
        scores: NDArray[np.float32] = (states[:, -1] @ table.T).numpy()
    return scores


def fine_tune(
    model: AdaptiveRecommender, table: Tensor, history: NDArray[np.int32], how: FineTuning
) -> AdaptiveRecommender:
    """Return a copy of the static net after gradient steps on one history.

    Args:
        model: the start; left as it is.
        table: [V, d].
        history: int32 [1, T].
        how: steps and rate.
    """
    own = copy.deepcopy(model).eval().requires_grad_(False)
    weights = [*own.blocks.parameters(), *own.final_norm.parameters()]
    for weight in weights:
        weight.requires_grad_(True)
    optimiser = torch.optim.Adam(weights, lr=how.learning_rate)
    rows = torch.from_numpy(history.astype(np.int64))
    where = rows[:, :-1] >= 0
    if not where.any():
        return own
    for _ in range(how.steps):
        optimiser.zero_grad(set_to_none=True)
        loss = F.cross_entropy(own.static_states(table, rows)[:, :-1][where] @ table.T, rows[:, 1:][where])
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return own


@dataclass(frozen=True, kw_only=True)
class AdaptationTimes:
    """Median wall time to get ready for one user, in PyTorch on one thread.

    Args:
        one_pass_ms: embedding the history, controller and mapper.
        fine_tuning_ms: gradient steps on the history.
        steps: how many.
    """

    one_pass_ms: float
    fine_tuning_ms: float
    steps: int

    @property
    def ratio(self) -> float:
        """Time of fine-tuning, as a multiple of one pass."""
        return self.fine_tuning_ms / self.one_pass_ms


def time_adaptation(
    model: AdaptiveRecommender, table: Tensor, histories: NDArray[np.int32], how: FineTuning
) -> AdaptationTimes:
    """Time both ways to adapt, in turn, user by user.

    Args:
        model: the checkpoint's net.
        table: [V, d].
        histories: int32 [B, T]; the first ones are taken.
        how: steps and rate.
    """
    one_pass, gradient = [], []
    with one_torch_thread():
        for row in histories[:TIMED_USERS]:
            start = time.perf_counter()
            _adapt_once(model, table, row[None])
            between = time.perf_counter()
            fine_tune(model, table, row[None], how)
            one_pass.append(between - start)
            gradient.append(time.perf_counter() - between)
    return AdaptationTimes(
        one_pass_ms=float(np.median(one_pass)) * 1000,
        fine_tuning_ms=float(np.median(gradient)) * 1000,
        steps=how.steps,
    )


@torch.no_grad()
def _adapt_once(model: AdaptiveRecommender, table: Tensor, history: NDArray[np.int32]) -> None:
    rows = torch.from_numpy(history.astype(np.int64))
    model.adapt(*model.embed_rows(table, rows))
