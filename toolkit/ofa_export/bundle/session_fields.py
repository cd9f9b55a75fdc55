"""`session.json`: which checkpoint and user group the items of a session pack come from, and their layout.

Like the manifest of a bundle, it is what a phone must know before it trusts the rest; no numpy here.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from ofa_export.bundle.archive_reader import claimed_first_name
from ofa_export.bundle.document import MAX_TILES, Digest, Entry, JsonDocument, Name, read_document
from ofa_export.errors import SessionPackError, rejected_as
from ofa_export.support.frozen_model import FiniteModel

ENTRY = "session.json"
MAX_SESSION_JSON_BYTES = 2**17
MAX_SESSION_ITEMS = 2**16
"""More than any session asks for; what it bounds is the memory of a phone that reads a forged pack."""

CANDIDATES = "candidates.bin"
FOLLOWING_ENTRIES = (CANDIDATES, "items.bin")
"""The entries after `session.json`, in file order."""

ItemCount = Annotated[int, Field(ge=1, le=MAX_SESSION_ITEMS)]


class CandidateLayout(FiniteModel):
    """Layout of `candidates.bin`: items of each item group that occurs, in row order, and values of a row."""

    items: ItemCount
    width: Annotated[int, Field(ge=8, le=4096, multiple_of=8)]
    group_sizes: Annotated[tuple[ItemCount, ...], Field(min_length=1, max_length=MAX_TILES // 8)]

    @model_validator(mode="after")
    def _fits_together(self) -> CandidateLayout:
        if sum(self.group_sizes) != self.items:
            raise ValueError(f"the group sizes add up to {sum(self.group_sizes):,} items, not to {self.items:,}")
        return self


class SessionFields(JsonDocument):
    """The content of `session.json`."""

    entry: ClassVar[str] = ENTRY
    max_bytes: ClassVar[int] = MAX_SESSION_JSON_BYTES

    checkpoint_sha256: Digest
    group: Name
    candidates: CandidateLayout
    entries: Annotated[tuple[Entry, ...], Field(max_length=len(FOLLOWING_ENTRIES))]

    @model_validator(mode="after")
    def _fits_together(self) -> SessionFields:
        names = tuple(entry.name for entry in self.entries)
        if names != FOLLOWING_ENTRIES:
            raise ValueError(f"the entries must be {', '.join(FOLLOWING_ENTRIES)}, not {', '.join(names)}")
        return self

    @property
    def listed(self) -> tuple[Entry, ...]:
        """The entries after `session.json`, in file order."""
        return self.entries


def claims_session_pack(data: memoryview) -> bool:
    """Tell whether a file wants to be read as a session pack; nothing of it is checked."""
    return claimed_first_name(data) == ENTRY


def read_session_fields(data: memoryview) -> tuple[SessionFields, dict[str, memoryview]]:
    """Check the outside of a session pack: archive, `session.json`, entries and digests.

    Args:
        data: the whole file.

    Returns:
        `session.json`, and the content of the other entries by name; views of `data`.

    Raises:
        SessionPackError: any of it is not what this format says; the error names the entry.
    """
    with rejected_as(SessionPackError):
        return read_document(data, SessionFields)
