"""Schema versions of the JSON in our files: a major version that this package does not know is refused first."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field


class _Version(BaseModel):
    schema_version: Annotated[str, Field(pattern=r"^[0-9]{1,4}\.[0-9]{1,4}$")]


def version_problem(text: bytes) -> str | None:
    """Why JSON of another version cannot be read here.

    Args:
        text: a JSON object with a `schema_version`; nothing else in it is looked at.

    Returns:
        A sentence, or None when the major version is 1.
    """
    try:
        version = _Version.model_validate_json(text).schema_version
    except (ValueError, RecursionError):
        return "it is not a JSON object with a schema_version such as '1.0'."
    major = int(version.partition(".")[0])
    if major > 1:
        return (
            f"it was made by a newer version of ofa-export (schema {version}, this one reads 1.x): update ofa-export."
        )
    return None if major == 1 else f"its schema version {version} was never released; this version reads 1.x."
