"""Gradient steps on the user's history as a contender, in PyTorch: the alternative to adapting in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ofa_export.benchmark.graph_meter import NoGraphs

if TYPE_CHECKING:
    from torch import Tensor

    from ofa_export.model.network import AdaptiveRecommender

LEARNING_RATE = 1e-3
"""Of Adam; it has no say in the time that a step takes."""


@dataclass(frozen=True, kw_only=True)
class GradientEntry:
    """Gradient steps before every ranking.

    Args:
        checkpoint: folder of the net that every user starts from.
        group: user group, whose table is used.
        steps: how many.
    """

    checkpoint: Path
    group: int
    steps: int

    @property
    def name(self) -> str:
        """Number of steps."""
        return f"gradient-steps:{self.steps}"

    @property
    def label(self) -> str:
        """For people."""
        return f"static net, {self.steps} gradient steps per user, PyTorch fp32"

    @property
    def path(self) -> None:
        """No file: nobody ships PyTorch."""

    @property
    def runtime(self) -> None:
        """No graphs."""

    @property
    def libraries(self) -> tuple[str, ...]:
        """PyTorch, and what reads the checkpoint, which no phone would have to."""
        return ("torch", "ofa_export.evaluation.fine_tuning", "ofa_export.model.checkpoint_reader")

    @contextmanager
    def open(self) -> Iterator[GradientContender]:
        """Read the checkpoint."""
        from ofa_export.model.checkpoint_reader import load_checkpoint
        from ofa_export.support.processes import one_torch_thread

        checkpoint = load_checkpoint(self.checkpoint)
        with one_torch_thread():
            yield GradientContender(checkpoint.model, checkpoint.table(self.group), self.steps)


class GradientContender:
    """The static net in PyTorch.

    Args:
        model: what every user starts from.
        table: [V, d].
        steps: gradient steps.
    """

    meter = NoGraphs()

    def __init__(self, model: AdaptiveRecommender, table: Tensor, steps: int) -> None:
        from ofa_export.evaluation.fine_tuning import FineTuning, fine_tuned_score

        self._score = fine_tuned_score(model, table, FineTuning(steps=steps, learning_rate=LEARNING_RATE))
        self._history = np.full((1, model.config.history_length), -1, np.int32)

    def session(self, history: NDArray[np.int64]) -> None:
        """Take the steps and score every item; see `Contender.session`."""
        self._history[0] = -1
        self._history[0, -len(history) :] = history
        self._score(self._history)
