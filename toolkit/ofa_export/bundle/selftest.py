"""`selftest.bin`: made histories with the outputs of the reference, by which a phone checks itself and its bundle.

Nobody has these histories: `ofa_export.planning.make_selftest` draws them.

A safetensors file (8 bytes header length, JSON header, tensors), independent of the budget. With S cases, M tile items:

| tensor | type, shape | content |
| --- | --- | --- |
| `rows` | F16 `[sum of lengths, d]` | history embeddings of all cases behind each other, oldest first |
| `lengths` | I32 `[S]` | items of each history, 1..T |
| `candidates` | F16 `[K, d]` | candidate embeddings, the same for all cases, 1 <= K <= C (pad with zeros to C) |
| `gates` | F32 `[S, L]` | expected gates, exactly 0 or 1 |
| `keep_logits` | F32 `[S, L, 2]` | expected keep logits |
| `scores` | F32 `[S, K]` | expected scores |
| `tile_items` | I32 `[M]` | rows of some items |
| `tile_codes` | U8 `[M, d]` | their full 8-bit codes; a bundle with k planes of a block shows the k leading bits |

Expected values come from the PyTorch reference on exactly these float16 inputs, widened to float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from ofa_export.bundle.manifest import Shapes
from ofa_export.errors import BundleError, ConfigError, RejectionCode

ENTRY = "selftest.bin"

_TENSORS = {
    "rows": ("float16", 2),
    "lengths": ("int32", 1),
    "candidates": ("float16", 2),
    "gates": ("float32", 2),
    "keep_logits": ("float32", 3),
    "scores": ("float32", 2),
    "tile_items": ("int32", 1),
    "tile_codes": ("uint8", 2),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class SelfTest:
    """Inputs and expected outputs; shapes and types as in the table above."""

    rows: NDArray[np.float16]
    lengths: NDArray[np.int32]
    candidates: NDArray[np.float16]
    gates: NDArray[np.float32]
    keep_logits: NDArray[np.float32]
    scores: NDArray[np.float32]
    tile_items: NDArray[np.int32]
    tile_codes: NDArray[np.uint8]

    @property
    def cases(self) -> int:
        """S, the number of histories."""
        return len(self.lengths)

    def history(self, case: int) -> NDArray[np.float32]:
        """History embeddings of one case, `[length, d]`."""
        stop = int(self.lengths[: case + 1].sum())
        return self.rows[stop - int(self.lengths[case]) : stop].astype(np.float32)

    def check(self, shapes: Shapes, *, items: int) -> None:
        """Check every shape, type and range.

        Args:
            shapes: T, d, L and C of the bundle.
            items: V.

        Raises:
            ConfigError: one does not fit.
        """
        for name, (dtype, axes) in _TENSORS.items():
            tensor = getattr(self, name)
            if tensor.dtype != dtype or tensor.ndim != axes or not tensor.size:
                raise ConfigError(f"{name} is {tensor.dtype.name} {tensor.shape}; needed are {dtype} on {axes} axes.")
            if not np.isfinite(tensor).all():
                raise ConfigError(f"{name} holds a value that is not finite.")
        if not (self.lengths.min() >= 1 and self.lengths.max() <= shapes.history_length):
            raise ConfigError(f"lengths holds a value outside 1..{shapes.history_length}.")
        if len(self.candidates) > shapes.candidates:
            raise ConfigError(f"candidates has {len(self.candidates)} rows; at most {shapes.candidates} are scored.")
        self._check_shapes(depth=shapes.depth, width=shapes.width)
        if not np.isin(self.gates, (0, 1)).all():
            raise ConfigError("gates holds a value other than 0 and 1.")
        if not (self.tile_items.min() >= 0 and self.tile_items.max() < items):
            raise ConfigError(f"tile_items holds a row outside 0..{items - 1}.")

    def _check_shapes(self, *, depth: int, width: int) -> None:
        S, K, M = self.cases, len(self.candidates), len(self.tile_items)
        expected = {
            "rows": (int(self.lengths.sum(dtype=np.int64)), width),
            "candidates": (K, width),
            "gates": (S, depth),
            "keep_logits": (S, depth, 2),
            "scores": (S, K),
            "tile_codes": (M, width),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ConfigError(f"{name} has shape {getattr(self, name).shape}; needed is {shape}.")

    def to_bytes(self) -> bytes:
        """Return the content of `selftest.bin`; of vectors that were read, what they were read from."""
        return self._encoded

    @classmethod
    def from_bytes(cls, data: memoryview | bytes, shapes: Shapes, *, items: int) -> SelfTest:
        """Read `selftest.bin`.

        Args:
            data: the entry.
            shapes: T, d, L and C of the bundle.
            items: V.

        Raises:
            BundleError: it is not a safetensors file of exactly these tensors.
        """
        try:
            tensors = safetensors.numpy.load(bytes(data))
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise _rejected(f"it is not a safetensors file ({error}).", RejectionCode.SELFTEST_FILE) from error
        if tensors.keys() != _TENSORS.keys():
            reason = f"it holds {', '.join(sorted(tensors))}; needed are {', '.join(sorted(_TENSORS))}."
            raise _rejected(reason, RejectionCode.SELFTEST_TENSORS)
        selftest = cls(**tensors)
        try:
            selftest.check(shapes, items=items)
        except ConfigError as error:
            raise _rejected(str(error), RejectionCode.SELFTEST_TENSORS) from error
        # Another safetensors may write the same tensors in other bytes, and a resized bundle must not change.
        vars(selftest)["_encoded"] = bytes(data)
        return selftest

    @cached_property
    def _encoded(self) -> bytes:
        return safetensors.numpy.save({name: np.ascontiguousarray(getattr(self, name)) for name in _TENSORS})


def _rejected(reason: str, code: RejectionCode) -> BundleError:
    return BundleError(reason, code=code, entry=ENTRY)
