"""One thread for PyTorch: tensors this small only lose on several, a hundred times on a computer that is busy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Run PyTorch on one thread inside the block, which also makes sums come out alike on every computer."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
