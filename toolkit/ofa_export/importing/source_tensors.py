"""The tensors that a format promises, taken out of a state dict; all that is wrong is reported together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ofa_export.errors import CheckpointError

SHOWN = 8


@dataclass
class SourceTensors:
    """The tensors of a state dict, by the names of their source.

    Args:
        tensors: name -> tensor.
        format: name of the format, for messages.
    """

    tensors: Mapping[str, Tensor]
    format: str
    _taken: set[str] = field(default_factory=set)
    _problems: list[str] = field(default_factory=list)

    def matrix(self, name: str) -> Tensor:
        """Take a tensor of two dimensions that decides the sizes of others; `finish` reports what is wrong in it.

        Raises:
            CheckpointError: it is missing or has other dimensions, so nothing else can be checked.
        """
        found = self.tensors.get(name)
        if found is None or found.ndim != 2:
            has = "it is not there" if found is None else f"it is {list(found.shape)}"
            some = ", ".join(sorted(self.tensors)[:3]) or "none at all"
            raise CheckpointError(
                f"Format {self.format} needs the tensor '{name}' of two dimensions, and {has}. The file's tensors "
                f"begin with {some}. Choose the --format that the file was trained with."
            )
        self.take(name, tuple(found.shape))
        return found

    def take(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """Return a tensor of a known shape; zeros where it cannot be used, which `finish` then reports.

        Args:
            name: in the source.
            shape: that it must have.
        """
        self._taken.add(name)
        found = self.tensors.get(name)
        if found is None:
            self._problems.append(f"tensor '{name}' is missing")
        elif tuple(found.shape) != shape or not found.is_floating_point():
            dtype = str(found.dtype).removeprefix("torch.")
            self._problems.append(f"tensor '{name}' is {dtype}{list(found.shape)}, expected float{list(shape)}")
        elif not bool(torch.isfinite(found).all()):
            self._problems.append(f"tensor '{name}' has values that are NaN or infinite")
        else:
            return found
        return torch.zeros(shape)

    def count(self, pattern: str) -> int:
        """For how many numbers from 0 on there is a tensor of a name such as "layers.{}.weight".

        Raises:
            CheckpointError: for none.
        """
        numbers = 0
        while pattern.format(numbers) in self.tensors:
            numbers += 1
        if not numbers:
            raise CheckpointError(
                f"Format {self.format} needs the tensor '{pattern.format(0)}', and it is not there. "
                "Choose the --format that the file was trained with."
            )
        return numbers

    def finish(self) -> None:
        """Report everything that was wrong.

        Raises:
            CheckpointError: a tensor is missing, of another shape or type, not finite, or of no use to the format.
        """
        extra = [f"tensor '{name}' is not known" for name in sorted(self.tensors.keys() - self._taken)]
        problems = self._problems + extra
        if problems:
            more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
            raise CheckpointError(
                f"The file does not fit format {self.format}: {'; '.join(problems[:SHOWN])}{more}. "
                "Choose the --format that it was trained with, and save model.state_dict() unchanged."
            )
