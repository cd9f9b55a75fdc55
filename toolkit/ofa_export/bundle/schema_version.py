"""Version of the JSON in our files: a major version that this package does not know is refused first."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from ofa_export.errors import RejectionCode

MAJOR = 2
SCHEMA_VERSION = f"{MAJOR}.0"
"""Of bundles, deltas and session packs: a reader of one reads the others."""


class _Version(BaseModel):
    schema_version: Annotated[str, Field(pattern=r"^[0-9]{1,4}\.[0-9]{1,4}$")]


def version_problem(text: bytes) -> tuple[RejectionCode, str] | None:
    """Why JSON of another version cannot be read here.

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
