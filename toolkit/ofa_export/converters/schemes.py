"""Schemes of a converter for the weights of linear layers, and the runtime a phone needs for them (no torch here)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ofa_export.errors import UnknownNameError
from ofa_export.precision import Precision

if TYPE_CHECKING:
    from ofa_export.converters.protocol import Converter


def check_schemes(converter: Converter, precision: Precision) -> None:
    """Refuse schemes that a converter does not have.

    Raises:
        UnknownNameError: a scheme is none of `converter.schemes`.
    """
    for scheme in precision.schemes:
        if scheme not in converter.schemes:
            raise UnknownNameError(f"precision of converter {converter.name}", scheme, converter.schemes)


def minimum_runtime(converter: Converter, precision: Precision) -> str:
    """Return the oldest version of the runtime that loads every scheme of a precision.

    Raises:
        UnknownNameError: a scheme is none of `converter.schemes`.
    """
    check_schemes(converter, precision)
    return newest(*(converter.schemes[scheme] for scheme in precision.schemes))


def newest(*versions: str) -> str:
    """Return the largest of some versions, such as 2.16.1.

    Args:
        versions: at least one.
    """
    return max(versions, key=lambda text: tuple(int(part) for part in text.split(".")))
