"""Versions of everything that a report was made with."""

from __future__ import annotations

import platform
from importlib.metadata import version

from ofa_export import __version__
from ofa_export.converters.protocol import Converter
from ofa_export.targets.protocol import Target

LIBRARIES = ("numpy", "torch")


def environment(target: Target, *converters: Converter) -> dict[str, str]:
    """Versions of this computer's software that have a say in the numbers.

    Args:
        target: where the bundle's graphs ran.
        converters: the converters, the bundle's first; none when the bundle was rejected before they were known.
    """
    return {
        "ofa-export": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **{name: version(name) for name in LIBRARIES},
        **{name: found for converter in converters for name, found in converter.tool_versions().items()},
        **(target.versions(converters[0]) if converters else {}),
    }
