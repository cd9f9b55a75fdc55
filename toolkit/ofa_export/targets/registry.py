"""The runtimes, by name; each is imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module

from ofa_export.errors import UnknownNameError
from ofa_export.targets.protocol import Runtime

RUNTIMES = {
    "host": "ofa_export.targets.host:HostRuntime",
    "android": "ofa_export.targets.android.runtime:AndroidRuntime",
    "arm64-neon": "ofa_export.targets.arm64.runtime:arm64_neon",
    "arm64-dotprod": "ofa_export.targets.arm64.runtime:arm64_dotprod",
    "arm64-i8mm": "ofa_export.targets.arm64.runtime:arm64_i8mm",
}
"""Name -> module and what in it makes one."""

SEVERAL = {"arm64": ("arm64-neon", "arm64-dotprod", "arm64-i8mm")}
"""Names that stand for several runtimes, which are used one after the other."""


def runtime_names(name: str) -> tuple[str, ...]:
    """The runtimes that a name stands for.

    Args:
        name: one of `RUNTIMES` or `SEVERAL`.

    Raises:
        UnknownNameError: there is no such name.
    """
    if name not in {*RUNTIMES, *SEVERAL}:
        raise UnknownNameError("runtime", name, [*RUNTIMES, *SEVERAL])
    return SEVERAL.get(name, (name,))


def get_runtime(name: str) -> Runtime:
    """The runtime of a name.

    Args:
        name: one of `RUNTIMES`.

    Raises:
        UnknownNameError: there is no such runtime.
    """
    if name not in RUNTIMES:
        raise UnknownNameError("runtime", name, RUNTIMES)
    module, _, maker = RUNTIMES[name].partition(":")
    runtime: Runtime = getattr(import_module(module), maker)()
    return runtime
