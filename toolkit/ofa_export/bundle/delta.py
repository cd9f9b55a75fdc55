"""The delta file `NAME.ofad`: what turns one bundle, the base, into another, the result, byte for byte.

The same archive as a bundle (`archive`). Its first entry, `delta.json`, is compact ASCII JSON with sorted keys, which
lists the entries of the result in file order. Each is the first `kept` bytes of the base's entry of that name, followed
by the delta's own entry of that name, its part; without a part, what was kept is all. The archive around the result
needs no bytes: it follows from names, order and content.

So tiles that the result has more are one part, tiles that it has less are a smaller `kept`, and an entry that changed
altogether travels whole. Sizes are bounded by those of the two files before anything is put together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, model_validator

from ofa_export.bundle.archive import MAX_BYTES, Buffer, archive_bytes, write_archive
from ofa_export.bundle.archive_reader import MAX_ENTRIES, read_archive
from ofa_export.bundle.document import (
    SCHEMA_VERSION,
    Digest,
    Entry,
    EntryName,
    JsonDocument,
    read_document,
)
from ofa_export.bundle.reader import Bundle
from ofa_export.errors import BundleError, ConfigError, DeltaError, RejectionCode, rejected_as
from ofa_export.support.frozen_model import FiniteModel

ENTRY = "delta.json"
MAX_DELTA_JSON_BYTES = 2**16

Size = Annotated[int, Field(ge=0, le=MAX_BYTES)]


class Content(FiniteModel):
    """Size and SHA-256 of some bytes."""

    bytes: Size
    sha256: Digest

    @classmethod
    def of(cls, data: Buffer) -> Content:
        """Return those of `data`."""
        return cls(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


class Change(FiniteModel):
    """One entry of the result: `kept` bytes of the base's entry, then the part that the delta carries, if any."""

    name: EntryName
    kept: Size
    part: Content | None

    @property
    def bytes(self) -> int:
        """Size of the entry in the result."""
        return self.kept + (self.part.bytes if self.part else 0)


class DeltaFields(JsonDocument):
    """The content of `delta.json`."""

    entry: ClassVar[str] = ENTRY
    max_bytes: ClassVar[int] = MAX_DELTA_JSON_BYTES

    base: Content
    result: Content
    entries: Annotated[tuple[Change, ...], Field(min_length=1, max_length=MAX_ENTRIES - 1)]

    @model_validator(mode="after")
    def _fits_together(self) -> DeltaFields:
        names = [change.name for change in self.entries]
        if len({ENTRY, *names}) != 1 + len(names):
            raise ValueError(f"the entries must have different names, none of them {ENTRY}")
        empty = next((change.name for change in self.entries if change.part and not change.part.bytes), None)
        if empty is not None:
            raise ValueError(f"the part of {empty} is empty")
        size = archive_bytes((change.name, change.bytes) for change in self.entries)
        if size != self.result.bytes:
            raise ValueError(f"the entries make a file of {size:,} bytes, the result has {self.result.bytes:,}")
        return self

    @property
    def listed(self) -> tuple[Entry, ...]:
        """The parts, in file order."""
        return tuple(
            Entry(name=change.name, bytes=change.part.bytes, sha256=change.part.sha256)
            for change in self.entries
            if change.part
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Delta:
    """A delta whose parts are there.

    Args:
        fields: what is to be done.
        parts: the bytes that travel, by name of the entry that they complete, in order.
    """

    fields: DeltaFields
    parts: dict[str, Buffer]

    def entries(self) -> list[tuple[str, Buffer]]:
        """Return names and contents of the delta's own archive."""
        return [(ENTRY, self.fields.to_bytes()), *self.parts.items()]

    @property
    def bytes(self) -> int:
        """Size of the delta's own archive."""
        return archive_bytes((name, len(data)) for name, data in self.entries())

    @classmethod
    def from_bytes(cls, data: memoryview) -> Delta:
        """Read a delta as if its sender were hostile.

        Args:
            data: the whole file.

        Returns:
            The delta; its parts are views of `data`.

        Raises:
            DeltaError: any part of it is not what this format says; the error names the entry.
        """
        with rejected_as(DeltaError):
            fields, parts = read_document(data, DeltaFields)
        return cls(fields=fields, parts={**parts})


def make_delta(base: memoryview, result: memoryview) -> Delta:
    """Return the delta from one bundle to another, of the same model or not, larger or smaller.

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
    """Return bytes that both start with."""
    shorter = min(len(a), len(b))
    if not shorter:
        return 0
    differs = np.frombuffer(a, np.uint8, shorter) != np.frombuffer(b, np.uint8, shorter)
    return int(differs.argmax()) if differs.any() else shorter


def apply_delta(base: memoryview, delta: Delta) -> bytes:
    """Return the bundle that a delta makes of another.

    Args:
        base: the whole file of the bundle at hand, checked.
        delta: a delta, from `Delta.from_bytes`.

    Returns:
        The whole file of the result, a bundle that `Bundle` accepts.

    Raises:
        DeltaError: it was made for another bundle, asks for bytes that the base does not have, or what it makes is not
            the result that it promises, or no bundle.
    """
    _check_base(base, delta)
    held = read_archive(base)
    stream = BytesIO()
    write_archive(stream, [(change.name, _content(change, held, delta.parts)) for change in delta.fields.entries])
    result = stream.getvalue()
    if hashlib.sha256(result).hexdigest() != delta.fields.result.sha256:
        reason = "what it makes does not have the SHA-256 that it promises for the result."
        raise DeltaError(reason, code=RejectionCode.RESULT_DIGEST)
    try:
        Bundle(memoryview(result))
    except BundleError as error:
        reason = f"what it makes is not a bundle: {error.reason}"
        raise DeltaError(reason, code=error.code, entry=error.entry) from error
    return result


def _check_base(base: memoryview, delta: Delta) -> None:
    digest, fields = hashlib.sha256(base).hexdigest(), delta.fields
    if (len(base), digest) == (fields.base.bytes, fields.base.sha256):
        return
    if digest == fields.result.sha256:
        reason = "the bundle given is already its result: nothing has to be done."
        raise DeltaError(reason, code=RejectionCode.ALREADY_APPLIED)
    raise DeltaError(
        f"it was made for another bundle, of {fields.base.bytes:,} bytes with SHA-256 {fields.base.sha256}; the one "
        f"given has {len(base):,} bytes and SHA-256 {digest}. Give that bundle, or have a delta made from this one.",
        code=RejectionCode.OTHER_BASE,
    )


def _content(change: Change, held: dict[str, memoryview], parts: dict[str, Buffer]) -> Buffer:
    data, part = held.get(change.name, memoryview(b"")), parts.get(change.name, b"")
    if change.kept > len(data):
        raise DeltaError(
            f"it keeps {change.kept:,} bytes of an entry of which the bundle given has {len(data):,}.",
            code=RejectionCode.KEPT_BYTES,
            entry=change.name,
        )
    return b"".join((data[: change.kept], part)) if part else data[: change.kept]
