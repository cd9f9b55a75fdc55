"""The JSON document that every archive of ours starts with, and the entries that it vouches for.

A bundle starts with `manifest.json`, a delta with `delta.json`, a session pack with `session.json`: canonical JSON as
RFC 8785 has it, without numbers other than integers, of bounded length, and exactly what `to_bytes` writes. A schema
version of another major number is refused before anything else in it is looked at. No numpy here: `inspect` needs no
more than this.
"""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, Field, JsonValue, ValidationError

from ofa_export.bundle.archive_reader import read_archive
from ofa_export.errors import BundleError, RejectionCode
from ofa_export.support.frozen_model import FiniteModel

MAJOR = 2
SCHEMA_VERSION = f"{MAJOR}.0"
"""Of bundles, deltas and session packs: a reader of one reads the others."""

OrderName = Literal["planes", "peel", "magnitude"]
"""Names of the ways to order tiles."""

MAX_TILES = 2**16
"""A tile index is a uint16."""

MAX_NAME = 200
"""Characters of a name in a document."""

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
Bytes = Annotated[int, Field(ge=0, lt=2**40)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
EntryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=64)]


class _Version(BaseModel):
    schema_version: Annotated[str, Field(pattern=r"^[0-9]{1,4}\.[0-9]{1,4}$")]


def version_problem(text: bytes) -> tuple[RejectionCode, str] | None:
    """Tell why JSON of another version cannot be read here.

    Args:
        text: a JSON object with a `schema_version`; nothing else in it is looked at.

    Returns:
        A code and a sentence, or None when the major version is the one that is read here.
    """
    try:
        version = _Version.model_validate_json(text).schema_version
    except (ValueError, RecursionError):
        return RejectionCode.DOCUMENT, f"it is not a JSON object with a schema_version such as '{SCHEMA_VERSION}'."
    major = int(version.partition(".")[0])
    read = f"(schema {version}, this one reads {MAJOR}.x)"
    if major > MAJOR:
        reason = f"it was made by a newer version of ofa-export {read}: update ofa-export."
        return RejectionCode.NEWER_VERSION, reason
    if major < MAJOR:
        reason = f"it was made by an older version of ofa-export {read}: have it made again."
        return RejectionCode.OLDER_VERSION, reason
    return None


class Entry(FiniteModel):
    """One entry of the archive besides the document."""

    name: EntryName
    bytes: Bytes
    sha256: Digest


class JsonDocument(FiniteModel):
    """The whole of a JSON document, which is the first entry of an archive.

    Args:
        entry: its name in the archive.
        max_bytes: the most that it may take.
    """

    entry: ClassVar[str]
    max_bytes: ClassVar[int]

    schema_version: Annotated[str, Field(pattern=rf"^{MAJOR}\.[0-9]{{1,4}}$")]

    @property
    @abstractmethod
    def listed(self) -> tuple[Entry, ...]:
        """The other entries of the archive, in file order."""

    def to_bytes(self) -> bytes:
        """Canonical JSON (RFC 8785): UTF-8 without white space, keys sorted."""
        return canonical_json(self.model_dump(mode="json")).encode()

    @classmethod
    def from_bytes(cls, data: memoryview | bytes) -> Self:
        """Read the document.

        Raises:
            BundleError: it was made by a newer version, or it is not what `to_bytes` would have written.
        """
        if len(data) > cls.max_bytes:
            reason = f"it has {len(data):,} bytes; at most {cls.max_bytes:,} are allowed."
            raise BundleError(reason, code=RejectionCode.DOCUMENT_SIZE, entry=cls.entry)
        text = bytes(data)
        if problem := version_problem(text):
            raise BundleError(problem[1], code=problem[0], entry=cls.entry)
        try:
            document = cls.model_validate_json(text)
            canonical = document.to_bytes()
        except ValidationError as error:
            raise cls._rejected(first_problem(error)) from error
        except (ValueError, RecursionError) as error:
            raise cls._rejected(f"it holds a value that cannot be read back ({error}).") from error
        if canonical != text:
            raise cls._rejected("it is not canonical JSON: compact, with sorted, unique keys.")
        return document

    @classmethod
    def _rejected(cls, reason: str) -> BundleError:
        return BundleError(reason, code=RejectionCode.DOCUMENT, entry=cls.entry)


Document = TypeVar("Document", bound=JsonDocument)


def read_document(data: memoryview, kind: type[Document]) -> tuple[Document, dict[str, memoryview]]:
    """Check an archive, the document that it starts with, and that the other entries are those that it lists.

    Args:
        data: the whole file.
        kind: the document that it should start with.

    Returns:
        The document, and the content of every other entry by name, in file order; views of `data`.

    Raises:
        BundleError: structure, document, list of entries, a size or a digest is not what this format says.
    """
    entries = read_archive(data)
    first = next(iter(entries))
    if first != kind.entry:
        raise BundleError(f"the first entry is not {kind.entry}.", code=RejectionCode.WRONG_KIND, entry=first)
    document = kind.from_bytes(entries.pop(kind.entry))
    _check_entries(document, entries)
    return document, entries


def _check_entries(document: JsonDocument, entries: dict[str, memoryview]) -> None:
    listed, source = [entry.name for entry in document.listed], document.entry
    for name in entries:
        if name not in listed:
            raise BundleError(f"{source} does not list it.", code=RejectionCode.ENTRY_UNLISTED, entry=name)
    for entry in document.listed:
        if entry.name not in entries:
            reason = f"{source} lists it, but it is missing."
            raise BundleError(reason, code=RejectionCode.ENTRY_MISSING, entry=entry.name)
        data = entries[entry.name]
        if len(data) != entry.bytes:
            reason = f"it has {len(data):,} bytes, {source} says {entry.bytes:,}."
            raise BundleError(reason, code=RejectionCode.ENTRY_SIZE, entry=entry.name)
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            reason = f"its SHA-256 is not the one in {source}."
            raise BundleError(reason, code=RejectionCode.ENTRY_DIGEST, entry=entry.name)
    if list(entries) != listed:
        reason = f"the entries are not in the order of {source}: {', '.join(entries)}."
        raise BundleError(reason, code=RejectionCode.ENTRY_ORDER)


def decimal_text(value: float) -> str:
    """Write a number of a document as the decimal text that reads back as the same float, such as "0.7"."""
    return format(Decimal(repr(value)), "f")


def canonical_json(value: JsonValue) -> str:
    """Write a value as RFC 8785 has it.

    Args:
        value: no float in it, whose text JSON leaves open, and no key that is not ASCII.

    Returns:
        Its one text: no white space, keys sorted, no escapes but those that JSON asks for.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def first_problem(error: ValidationError) -> str:
    """Return the first problem that pydantic found, as one sentence that starts with the field."""
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    more = f" ({error.error_count() - 1} more problems)" if error.error_count() > 1 else ""
    return f"{place or 'taken together'}: {problem['msg']}{more}."
