"""Averaged weights of a stage: a moving average over its steps, which rank better than the last step alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class AveragedWeights:
    """Exponential moving average of parameters (Polyak and Juditsky, 1992).

    Args:
        parameters: what is trained.
        memory: share of the average that a step leaves; 0 for no average at all.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], memory: float) -> None:
        self.memory = memory
        self._parameters = list(parameters) if memory else []
        self.values = [parameter.detach().clone() for parameter in self._parameters]
        """The averages, in the order of the parameters; none without memory."""

    @torch.no_grad()
    def restart(self) -> None:
        """Forget all steps: the average is what the parameters are now."""
        self.restore([parameter.detach() for parameter in self._parameters])

    @torch.no_grad()
    def restore(self, values: Sequence[Tensor]) -> None:
        """Put `values` of an earlier run back.

        Args:
            values: as many as there are parameters.
        """
        for mine, value in zip(self.values, values, strict=True):
            mine.copy_(value)

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Take the parameters of this step in.

        Args:
            steps: since the start; while these are few, the average is over few.
        """
        memory = min(self.memory, (1 + steps) / (10 + steps))
        for mine, parameter in zip(self.values, self._parameters, strict=True):
            mine.lerp_(parameter, 1 - memory)

    @torch.no_grad()
    def keep(self) -> None:
        """Give the parameters their averages, for good."""
        for mine, parameter in zip(self.values, self._parameters, strict=True):
            parameter.copy_(mine)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the parameters their averages inside the block."""
        raw = [parameter.detach().clone() for parameter in self._parameters]
        self.keep()
        try:
            yield
        finally:
            with torch.no_grad():
                for parameter, value in zip(self._parameters, raw, strict=True):
                    parameter.copy_(value)
