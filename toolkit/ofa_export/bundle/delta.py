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
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from ofa_export.bundle.archive import MAX_BYTES, Buffer, archive_bytes
from ofa_export.bundle.archive_reader import MAX_ENTRIES
from ofa_export.bundle.document import Digest, Entry, EntryName, JsonDocument, StrictModel, read_document
from ofa_export.errors import DeltaError, rejected_as

ENTRY = "delta.json"
MAX_DELTA_JSON_BYTES = 2**16

Size = Annotated[int, Field(ge=0, le=MAX_BYTES)]


class Content(StrictModel):
    """Size and SHA-256 of some bytes."""

    bytes: Size
    sha256: Digest

    @classmethod
    def of(cls, data: Buffer) -> Content:
        """Those of `data`."""
        return cls(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


class Change(StrictModel):
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
        """Names and contents of the delta's own archive."""
        return [(ENTRY, self.fields.to_bytes()), *self.parts.items()]

    @property
    def bytes(self) -> int:
        """Size of the delta's own archive."""
        return archive_bytes((name, len(data)) for name, data in self.entries())

    @classmethod
    def from_bytes(cls, data: memoryview) -> Delta:
        """Read a delta as if its sender were hostile.

        Args:
            data: the whole file, mapped or in memory.

        Returns:
            The delta; its parts are views of `data`.

        Raises:
            DeltaError: any part of it is not what this format says; the error names the entry.
        """
        with rejected_as(DeltaError):
            fields, parts = read_document(data, DeltaFields)
        return cls(fields=fields, parts={**parts})
