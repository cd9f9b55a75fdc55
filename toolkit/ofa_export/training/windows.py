"""Training windows: every history cut into pieces of T inputs and their T next items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ofa_export.data.histories import PAD, Histories
from ofa_export.training.distributed import share


@dataclass(frozen=True)
class Batch:
    """One step's windows, all of one user group; of several processes, each has its share of them.

    Args:
        inputs: int64 [B, t], item rows, -1 where padded; t is T, or the most items that a window of the step has.
        targets: int64 [B, t], the next item at each position.
        group: the user group.
    """

    inputs: Tensor
    targets: Tensor
    group: int

    @property
    def lengths(self) -> Tensor:
        """int32 [B], real inputs of each window."""
        return (self.inputs >= 0).sum(dim=1).to(torch.int32)

    def to(self, device: torch.device) -> Batch:
        """Return the same windows on a device."""
        return Batch(self.inputs.to(device), self.targets.to(device), self.group)


@dataclass(frozen=True)
class Windows:
    """Pieces of the training histories, as places in them: the items are read when a batch is made.

    Args:
        histories: what they are pieces of.
        users: int64 [W], the user of each window.
        ends: int64 [W], how many items of the user's history lie before the window's end.
        history_length: T.
        movable: bool [W], which windows begin at another place in every epoch.
        padded: whether every batch is T wide, for networks that look at padding.
    """

    histories: Histories
    users: NDArray[np.int64]
    ends: NDArray[np.int64]
    history_length: int
    movable: NDArray[np.bool_]
    padded: bool = True

    def __len__(self) -> int:
        return len(self.users)

    def only(self, chosen: NDArray[np.bool_]) -> Windows:
        """Keep some of the windows.

        Args:
            chosen: bool [W].
        """
        return replace(self, users=self.users[chosen], ends=self.ends[chosen], movable=self.movable[chosen])

    def moved(self, generator: np.random.Generator) -> Windows:
        """Move the windows before each long history's last one, all by as much, 0 to T - 1 items.

        Args:
            generator: of an epoch.

        Returns:
            Windows that still cover every item: the last one of each history stays where it is.
        """
        steps = generator.integers(self.history_length, size=self.histories.users)[self.users]
        return replace(self, ends=np.where(self.movable, np.maximum(self.ends - steps, 2), self.ends))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Inputs of each window, 1 to T, int64 [W]."""
        return np.minimum(self.ends - 1, self.history_length)

    def rows(self, chosen: NDArray[np.int64], *, width: int) -> NDArray[np.int32]:
        """Return the last items of some windows.

        Args:
            chosen: [B], indices of windows.
            width: t, how many inputs of each.

        Returns:
            int32 [B, t + 1], item rows, -1 where padded; column i + 1 is the target of column i.
        """
        starts = self.histories.offsets[self.users[chosen]][:, None]
        places = starts + self.ends[chosen][:, None] - np.arange(width + 1, 0, -1)
        return np.where(places < starts, np.int32(PAD), self.histories.rows[np.maximum(places, starts)])

    def batch(self, chosen: NDArray[np.int64], *, group: int) -> Batch:
        """Make some of the windows one batch, or this process's share of it.

        Args:
            chosen: int64, indices of windows.
            group: their user group.
        """
        # Of all processes' windows, so that a share is computed as it would be in a single process.
        width = self.history_length if self.padded else min(self.history_length, int(self.ends[chosen].max()) - 1)
        rows = torch.from_numpy(self.rows(share(chosen), width=width).astype(np.int64))
        return Batch(rows[:, :-1], torch.where(rows[:, :-1] == PAD, PAD, rows[:, 1:]), group)


def cut_windows(histories: Histories, users: NDArray[np.int64], *, history_length: int, padded: bool = True) -> Windows:
    """Cut the training part of each history from its end, so that every item but the first is a target.

    A history that does not fit into a window has one more than it needs, so that the others can move (`Windows.moved`).

    Args:
        histories: the data set.
        users: whose histories.
        history_length: T.
        padded: whether every batch is T wide; see `Windows`.

    Returns:
        The windows; users with fewer than two training items have none.
    """
    lengths = histories.training_lengths[users]
    counts = np.maximum(-(-(lengths - 1) // history_length), 0)
    counts += counts > 1
    nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    movable = nth > 0
    ends = np.repeat(lengths, counts) - movable - np.maximum(nth - 1, 0) * history_length
    return Windows(histories, np.repeat(users, counts), np.maximum(ends, 2), history_length, movable, padded)


def epoch_batches(
    windows: Windows, user_groups: NDArray[np.int32], *, batch_size: int, dealt: int = 1, seed: tuple[int, ...]
) -> Iterator[Batch]:
    """Return one pass over the windows in random order; each batch holds one user group.

    Args:
        windows: what to train on.
        user_groups: int32 [U], group of each user.
        batch_size: windows of a step, of all processes together.
        dealt: batches whose windows are dealt out again by length after they were drawn, so that little of each is
            padding; the order of the batches stays random.
        seed: of the order.

    Returns:
        The batches; the same arguments give the same batches.
    """
    generator = np.random.default_rng(seed)
    windows, groups = windows.moved(generator), user_groups[windows.users]
    lengths = windows.lengths
    pieces = []
    for group in np.unique(groups):
        members = generator.permutation(np.flatnonzero(groups == group))
        members = members[np.lexsort((lengths[members], np.arange(len(members)) // (dealt * batch_size)))]
        pieces += [(int(group), members[i : i + batch_size]) for i in range(0, len(members), batch_size)]
    for index in generator.permutation(len(pieces)):
        group, members = pieces[index]
        yield windows.batch(members, group=group)


def batches_per_epoch(windows: Windows, user_groups: NDArray[np.int32], *, batch_size: int) -> int:
    """Tell how many batches `epoch_batches` gives."""
    _, counts = np.unique(user_groups[windows.users], return_counts=True)
    return int(np.ceil(counts / batch_size).sum())
