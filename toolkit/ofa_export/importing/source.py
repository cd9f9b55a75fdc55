"""Request for an import: which file, of which code base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ofa_export.errors import UnknownNameError

DEFAULT_HEADS: Mapping[str, int] = {
    "pmixer": 1,
    "pmixer-unmasked": 1,
    "pmixer-norm-first": 1,
    "pmixer-norm-last": 1,
    "recbole": 2,
}
"""Formats by name, and the attention heads that the configuration of each code base has when nobody changes it."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Request for an import.

    Args:
        state_dict: the file with the tensors.
        format: a name of `DEFAULT_HEADS`.
        heads: attention heads; the default of the source's own configuration when None.
        items: file that maps source ids to item keys; keys are the numbers when None.
        columns: our name of a column -> its name in the files, where that differs.
    """

    state_dict: Path
    format: str
    heads: int | None = None
    items: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


def check_format(name: str) -> None:
    """Refuse what is no format.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in DEFAULT_HEADS:
        raise UnknownNameError("format", name, DEFAULT_HEADS)
