"""Making a delta: of each entry of the result, what the base does not start with."""

from __future__ import annotations

import numpy as np

from ofa_export.bundle.archive import Buffer
from ofa_export.bundle.archive_reader import read_archive
from ofa_export.bundle.delta import Change, Content, Delta, DeltaFields
from ofa_export.bundle.schema_version import SCHEMA_VERSION
from ofa_export.errors import ConfigError


def make_delta(base: memoryview, result: memoryview) -> Delta:
    """Make the delta from one bundle to another, of the same model or not, larger or smaller.

    Args:
        base: a whole bundle file, checked.
        result: a whole bundle file, checked.

    Returns:
        The delta; its parts are views of `result`.

    Raises:
        ConfigError: a delta makes no sense, because the bundles are equal or have too little in common.
    """
    before, after = Content.of(base), Content.of(result)
    if before == after:
        raise ConfigError("Both bundles are the same file, byte for byte: nothing is missing in the first.")
    held, wanted = read_archive(base), read_archive(result)
    kept = {name: _common_start(held.get(name, memoryview(b"")), data) for name, data in wanted.items()}
    parts: dict[str, Buffer] = {name: data[kept[name] :] for name, data in wanted.items() if kept[name] < len(data)}
    changes = tuple(
        Change(name=name, kept=kept[name], part=Content.of(parts[name]) if name in parts else None) for name in wanted
    )
    fields = DeltaFields(schema_version=SCHEMA_VERSION, base=before, result=after, entries=changes)
    delta = Delta(fields=fields, parts=parts)
    if delta.bytes >= len(result):
        raise ConfigError(
            f"The delta would have {delta.bytes:,} bytes, the second bundle itself has {len(result):,}: the two "
            "bundles have too little in common. Send the second one."
        )
    return delta


def _common_start(a: memoryview, b: memoryview) -> int:
    """Bytes that both start with."""
    shorter = min(len(a), len(b))
    if not shorter:
        return 0
    differs = np.frombuffer(a, np.uint8, shorter) != np.frombuffer(b, np.uint8, shorter)
    return int(differs.argmax()) if differs.any() else shorter
