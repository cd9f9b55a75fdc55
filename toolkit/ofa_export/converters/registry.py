"""The installed backends, by name; any distribution adds one with an entry point."""

from __future__ import annotations

from importlib.metadata import entry_points

from ofa_export.converters.protocol import Backend
from ofa_export.errors import UnknownNameError

GROUP = "ofa_export.converters"


def backend_names() -> tuple[str, ...]:
    """Names of all installed backends, sorted."""
    return tuple(sorted(entry_points(group=GROUP).names))


def get_backend(name: str) -> Backend:
    """The backend of a name.

    Args:
        name: one of `backend_names()`.

    Raises:
        UnknownNameError: there is no such backend.
    """
    if name not in backend_names():
        raise UnknownNameError("backend", name, backend_names())
    backend: Backend = entry_points(group=GROUP)[name].load()()
    return backend
