"""What files hold, read as docs/bundle-format.md says and by none of the package's code, for files that were accepted.

Slow and plain on purpose: no shift or mask of the package is used twice.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = {"F16": "<f2", "F32": "<f4", "I32": "<i4", "U8": "u1"}


def item_table(embeddings: bytes, layout: dict[str, Any]) -> NDArray[np.float32]:
    """The item table [V, d] of `embeddings.bin`, from the tiles that it keeps."""
    sizes, blocks = layout["group_sizes"], layout["width"] // 8
    groups, starts = len(sizes), np.cumsum([0, *sizes])
    floats = struct.unpack_from(f"<{groups * blocks + 510}f", embeddings)
    order = struct.unpack_from(f"<{groups * blocks * 8}H", embeddings, 4 * len(floats))
    at = 4 * len(floats) + 2 * len(order)
    cells, planes = np.zeros((starts[-1], 8 * blocks), int), np.zeros((groups, blocks), int)
    for tile in order[: layout["tiles_kept"]]:
        g, n = tile // 8 // blocks, tile // 8 % blocks
        for row in range(starts[g], starts[g + 1]):
            for j in range(8):
                cells[row, 8 * n + j] = 2 * cells[row, 8 * n + j] + ((embeddings[at] >> j) & 1)
            at += 1
        planes[g, n] += 1
    table = np.zeros(cells.shape, np.float32)
    values = np.array(floats, np.float32)
    for g in range(groups):
        for n in range(blocks):
            if k := planes[g, n]:
                block = cells[starts[g] : starts[g + 1], 8 * n : 8 * n + 8]
                fitted = values[groups * blocks + 2**k - 2 + block]
                table[starts[g] : starts[g + 1], 8 * n : 8 * n + 8] = fitted * values[g * blocks + n]
    return table + np.float32(0)


def catalogue(items: bytes) -> tuple[list[str], list[str]]:
    """Keys and titles of `items.bin`."""
    lines = zlib.decompress(items[16:]).decode().split("\n")
    return lines[: len(lines) // 2], lines[len(lines) // 2 :]


def tensors(selftest: bytes) -> dict[str, NDArray[Any]]:
    """The tensors of `selftest.bin`."""
    length = int.from_bytes(selftest[:8], "little")
    header = json.loads(selftest[8 : 8 + length])
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(
            selftest[8 + length + each["data_offsets"][0] : 8 + length + each["data_offsets"][1]], DTYPES[each["dtype"]]
        ).reshape(each["shape"])
        for name, each in header.items()
    }


def candidates(content: bytes, layout: dict[str, Any]) -> NDArray[np.float32]:
    """The embeddings [n, d] of `candidates.bin`."""
    sizes, width = layout["group_sizes"], layout["width"]
    scales = np.frombuffer(content, "<f4", len(sizes) * width // 8).reshape(len(sizes), -1)
    fitted = np.frombuffer(content, "<f4", 256, offset=scales.nbytes)
    codes = np.frombuffer(content, np.uint8, offset=scales.nbytes + 1024).reshape(-1, width)
    group = [g for g, size in enumerate(sizes) for _ in range(size)]
    return np.stack(
        [[fitted[codes[i, j]] * scales[group[i], j // 8] for j in range(width)] for i in range(len(codes))]
    ).astype(np.float32)
