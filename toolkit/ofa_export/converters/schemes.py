"""What a backend can do with the weights of linear layers, and which runtime a phone needs for it (no torch here)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ofa_export.errors import UnknownNameError
from ofa_export.precision import Precision

if TYPE_CHECKING:
    from ofa_export.converters.protocol import Backend


def check_schemes(backend: Backend, precision: Precision) -> None:
    """Refuse schemes that a backend does not have.

    Raises:
        UnknownNameError: a scheme is none of `backend.schemes`.
    """
    for scheme in precision.schemes:
        if scheme not in backend.schemes:
            raise UnknownNameError(f"precision of backend {backend.name}", scheme, backend.schemes)


def minimum_runtime(backend: Backend, precision: Precision) -> str:
    """The oldest version of the runtime that loads every scheme of a precision.

    Raises:
        UnknownNameError: a scheme is none of `backend.schemes`.
    """
    check_schemes(backend, precision)
    return max((backend.schemes[scheme] for scheme in precision.schemes), key=_version)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
