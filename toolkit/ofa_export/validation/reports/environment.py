"""What a report was made with."""

from __future__ import annotations

import platform
from importlib.metadata import version

from ofa_export import __version__
from ofa_export.converters.protocol import Backend
from ofa_export.targets.protocol import Runtime

LIBRARIES = ("numpy", "torch")


def environment(runtime: Runtime, *backends: Backend) -> dict[str, str]:
    """Versions of this computer's software that have a say in the numbers.

    Args:
        runtime: where the bundle's graphs ran.
        backends: the converters, the bundle's first; none when the bundle was rejected before they were known.
    """
    return {
        "ofa-export": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **{name: version(name) for name in LIBRARIES},
        **{name: found for backend in backends for name, found in backend.tool_versions().items()},
        **(runtime.versions(backends[0]) if backends else {}),
    }
