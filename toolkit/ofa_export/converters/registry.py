"""The installed converters, by name; any distribution adds one with an entry point."""

from __future__ import annotations

from importlib.metadata import entry_points

from ofa_export.converters.protocol import Converter
from ofa_export.errors import UnknownNameError

GROUP = "ofa_export.converters"


def converter_names() -> tuple[str, ...]:
    """Names of all installed converters, sorted."""
    return tuple(sorted(entry_points(group=GROUP).names))


def get_converter(name: str) -> Converter:
    """Load the converter of a name.

    Args:
        name: one of `converter_names()`.

    Raises:
        UnknownNameError: there is no such converter.
    """
    if name not in converter_names():
        raise UnknownNameError("converter", name, converter_names())
    converter: Converter = entry_points(group=GROUP)[name].load()()
    return converter
