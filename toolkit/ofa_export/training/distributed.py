"""Shares of a training run in several processes; in a single process nothing here changes anything.

`accelerator` starts them. Every process holds the whole model and takes its share of each batch: every W-th window. A
loss adds up over all processes before it is divided, so every process knows the loss of the whole batch, and
`DistributedDataParallel`, which averages gradients, arrives at the gradient of that loss.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed

R = TypeVar("R")
Listed = TypeVar("Listed", NDArray[Any], Tensor)


def count() -> int:
    """W, how many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def number() -> int:
    """Tell which of them this one is, 0 … W-1; `torchrun` says so before and after they are connected, too."""
    return int(os.environ.get("RANK", "0")) if "WORLD_SIZE" in os.environ else 0


def is_first() -> bool:
    """Tell whether this process is the one that writes and speaks."""
    return number() == 0


def wait() -> None:
    """Go on when every process is here."""
    if count() > 1:
        distributed.barrier()


def share(whole: Listed) -> Listed:
    """Return what this process has to do of a list of work, every W-th entry.

    Args:
        whole: [n, ...].
    """
    return whole[number() :: count()] if count() > 1 else whole


def gathered(part: NDArray[Any]) -> NDArray[Any]:
    """Return what all processes made of their shares, in the order of the whole.

    Args:
        part: [m, ...], one entry for each of `share`.

    Returns:
        [n, ...], the same on every process.
    """
    if count() == 1:
        return part
    parts: list[NDArray[Any]] = [part] * count()
    distributed.all_gather_object(parts, part)
    whole = np.empty((sum(map(len, parts)), *part.shape[1:]), part.dtype)
    for index, found in enumerate(parts):
        whole[index :: count()] = found
    return whole


def from_first(make: Callable[[], R]) -> R:
    """Return what the first process makes, on all of them: for results that must not differ in the last bit.

    Args:
        make: called by the first process alone.
    """
    if count() == 1:
        return make()
    made: list[Any] = [make() if is_first() else None]
    distributed.broadcast_object_list(made, src=0)
    result: R = made[0]
    return result


def total(part: Tensor) -> Tensor:
    """Sum over all processes, differentiable.

    Args:
        part: what this process adds, any shape.

    Returns:
        The sum, the same on every process. What every process computes from it alike has, averaged over the
        processes, the gradient of the whole.
    """
    if count() == 1:
        return part
    result: Tensor = _Total.apply(part)
    return result


def mean_over_all(part: Tensor, count: int) -> Tensor:
    """Return a sum over what this process has as the mean over what all of them have.

    Args:
        part: the sum, a scalar.
        count: how many it is over.
    """
    return total(part) / total(torch.tensor(float(count), device=part.device))


def scattered(part: Tensor) -> Tensor:
    """Return the entries of this process at their places in the whole, and zeros elsewhere.

    A random draw for all of them then gives each entry what it would have been given in a single process.

    Args:
        part: [m, ...], one entry for each of `share`.

    Returns:
        [n, ...], differentiable.
    """
    if count() == 1:
        return part
    whole = total(torch.tensor(len(part), device=part.device))
    result = part.new_zeros(int(whole), *part.shape[1:])
    result[number() :: count()] = part
    return result


class _Total(torch.autograd.Function):
    """The sum over all processes.

    Every process computes the same of it, so the gradient that comes back is the same on each: W times the part that
    averaging leaves of it.
    """

    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        result = part.clone()
        distributed.all_reduce(result)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * count()
