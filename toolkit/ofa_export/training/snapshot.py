"""State of a run on disk: written whole or not at all, so that a kill at any point loses at most some steps.

A file is a magic line, a SHA-256 and what `torch.save` wrote. The digest is over the file's name, too: the state of a
stage is not that of another.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any

import torch

from ofa_export.errors import CheckpointError
from ofa_export.support.atomic import atomic_write
from ofa_export.support.input import read_regular

MAGIC = b"ofa-export training state 1\n"
HEADER_BYTES = len(MAGIC) + hashlib.sha256().digest_size


def save_snapshot(path: Path, state: dict[str, Any]) -> None:
    """Write a dictionary of tensors and plain values under its name only when complete; it fits any device.

    Args:
        path: the file; replaced when it exists.
        state: tensors, numbers, strings, and lists and dictionaries of them.
    """
    buffer = io.BytesIO()
    torch.save(_on_processor(state), buffer)
    content = buffer.getbuffer()
    with atomic_write(path) as file:
        file.write(_header(path, content))
        file.write(content)


def load_snapshot(path: Path) -> dict[str, Any]:
    """Read what `save_snapshot` wrote: only tensors and plain values, and only if its digest holds.

    Args:
        path: the file.

    Raises:
        CheckpointError: the file is not one of ours, or any bit of it has changed.
    """
    try:
        data = memoryview(read_regular(path))
        header, content = bytes(data[:HEADER_BYTES]), data[HEADER_BYTES:]
        if header != _header(path, content):
            raise _damaged(path)
        state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, OSError, MemoryError) as error:
        raise _damaged(path) from error
    return state


def _on_processor(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.cpu()
    if isinstance(value, dict):
        return {key: _on_processor(one) for key, one in value.items()}
    return type(value)(map(_on_processor, value)) if isinstance(value, list | tuple) else value


def _header(path: Path, content: memoryview) -> bytes:
    digest = hashlib.sha256(path.name.encode() + b"\n")
    digest.update(content)
    return MAGIC + digest.digest()


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(
        f"Training state '{path}' is damaged or not ours. Remove the file and go on with --resume, which trains that "
        "stage again, or start over with --force instead of --resume."
    )
