"""Training windows: every history cut into pieces of T inputs and their T next items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ofa_export.data.histories import PAD, Histories, left_pad


@dataclass(frozen=True)
class Batch:
    """One step's windows, all of one user group.

    Args:
        inputs: int64 [B, T], item rows, -1 where padded.
        targets: int64 [B, T], the next item at each position.
        group: the user group.
    """

    inputs: Tensor
    targets: Tensor
    group: int

    @property
    def lengths(self) -> Tensor:
        """int32 [B], real inputs of each window."""
        return (self.inputs >= 0).sum(dim=1).to(torch.int32)


@dataclass(frozen=True)
class Windows:
    """Pieces of the training histories.

    Args:
        rows: int32 [W, T + 1], item rows, -1 where padded; column t + 1 is the target of column t.
        users: int64 [W], the user of each window.
    """

    rows: NDArray[np.int32]
    users: NDArray[np.int64]

    def batch(self, chosen: NDArray[np.int64], *, group: int) -> Batch:
        """Some of the windows as one batch.

        Args:
            chosen: int64 [B], indices of windows.
            group: their user group.
        """
        rows = torch.from_numpy(self.rows[chosen].astype(np.int64))
        return Batch(rows[:, :-1], torch.where(rows[:, :-1] == PAD, PAD, rows[:, 1:]), group)


def cut_windows(histories: Histories, users: NDArray[np.int64], *, history_length: int) -> Windows:
    """Cut the training part of each history from its end, so that every item but the first is a target once.

    Args:
        histories: the data set.
        users: whose histories.
        history_length: T.

    Returns:
        The windows; users with fewer than two training items have none.
    """
    rows, owners = [], []
    for user in users:
        sequence = histories.training_rows(int(user))
        for end in range(len(sequence), 1, -history_length):
            rows.append(left_pad(sequence[max(0, end - history_length - 1) : end], history_length + 1))
            owners.append(user)
    return Windows(np.array(rows, np.int32).reshape(-1, history_length + 1), np.array(owners, np.int64))


def epoch_batches(
    windows: Windows, user_groups: NDArray[np.int32], *, batch_size: int, seed: tuple[int, ...]
) -> Iterator[Batch]:
    """One pass over the windows in random order; each batch holds one user group.

    Args:
        windows: what to train on.
        user_groups: int32 [U], group of each user.
        batch_size: windows of a step.
        seed: of the order.

    Returns:
        The batches; the same arguments give the same batches.
    """
    generator = np.random.default_rng(seed)
    groups = user_groups[windows.users]
    pieces = []
    for group in np.unique(groups):
        members = generator.permutation(np.flatnonzero(groups == group))
        pieces += [(int(group), members[i : i + batch_size]) for i in range(0, len(members), batch_size)]
    for index in generator.permutation(len(pieces)):
        group, members = pieces[index]
        yield windows.batch(members, group=group)


def batches_per_epoch(windows: Windows, user_groups: NDArray[np.int32], *, batch_size: int) -> int:
    """How many batches `epoch_batches` gives."""
    _, counts = np.unique(user_groups[windows.users], return_counts=True)
    return int(np.ceil(counts / batch_size).sum())
