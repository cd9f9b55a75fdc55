"""State dicts of other code bases, read as hostile input: tensors only, no pickled code."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from ofa_export.errors import CheckpointError

TORCH_STARTS = (b"PK", b"\x80")
"""First bytes of files of torch.save: a zip archive, or a pickle (older ones)."""


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file or of a file of `torch.save(model.state_dict(), ...)`.

    Args:
        path: the file.

    Returns:
        name -> tensor, on the CPU, floating point as float32.

    Raises:
        CheckpointError: no such file, damaged, more than tensors in it, or something else than named tensors.
    """
    try:
        with path.open("rb") as file:
            start = file.read(9)
        # Safetensors starts with the length of its header in eight bytes, which may be any, and the header with "{".
        found = _load_torch(path) if start.startswith(TORCH_STARTS) and start[8:] != b"{" else _load_safetensors(path)
    except OSError as error:
        raise CheckpointError(f"'{path}' cannot be read: {error.strerror or error}. Check the path.") from error
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    if not isinstance(found, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in found.items()
    ):
        raise CheckpointError(
            f"'{path}' does not hold named tensors. Save them with torch.save(model.state_dict(), 'state_dict.pth')."
        )
    return {name: value.detach().float() if value.is_floating_point() else value for name, value in found.items()}


def _load_torch(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"'{path}' holds more than tensors, and reading that can run code; it was not read. Where you trust the "
            "file and have the package it was made with (RecBole saves its configuration along), keep the tensors "
            "alone:",
            f"saved = torch.load({str(path)!r}, weights_only=False)",
            "torch.save(saved['state_dict'], 'state_dict.pth')",
        ) from error
    except OSError:
        raise
    # Damaged archives and hostile pickles end in errors of every kind.
    except Exception as error:
        raise CheckpointError(f"'{path}' is truncated or not a file of torch.save. Copy it again.") from error


def _load_safetensors(path: Path) -> object:
    try:
        return load_safetensors(path.read_bytes())
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"'{path}' is neither safetensors nor a file of torch.save, or it is truncated. Copy it again."
        ) from error
