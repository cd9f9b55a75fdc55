"""The formats that `import` reads, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ofa_export.importing.pmixer import read_norm_first, read_norm_last, read_published, read_unmasked
from ofa_export.importing.recbole import read_recbole
from ofa_export.importing.static_net import StaticNet


class ReadSource(Protocol):
    """From a state dict and the number of heads to the static net."""

    def __call__(self, tensors: Mapping[str, Tensor], heads: int) -> StaticNet:
        """Check and translate the tensors."""


@dataclass(frozen=True, kw_only=True)
class SourceFormat:
    """A code base whose state dicts can be read.

    Args:
        read: translates its tensors.
        default_heads: what its own configuration says when nobody changes it.
    """

    read: ReadSource
    default_heads: int


FORMATS: Mapping[str, SourceFormat] = {
    "pmixer": SourceFormat(read=read_published, default_heads=1),
    "pmixer-unmasked": SourceFormat(read=read_unmasked, default_heads=1),
    "pmixer-norm-first": SourceFormat(read=read_norm_first, default_heads=1),
    "pmixer-norm-last": SourceFormat(read=read_norm_last, default_heads=1),
    "recbole": SourceFormat(read=read_recbole, default_heads=2),
}
