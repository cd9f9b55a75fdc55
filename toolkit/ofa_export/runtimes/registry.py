"""The runtimes, by name; each is imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module

from ofa_export.errors import UnknownNameError
from ofa_export.runtimes.protocol import Runtime

RUNTIMES = {
    "host": "ofa_export.runtimes.host:HostRuntime",
    "android": "ofa_export.runtimes.android:AndroidRuntime",
}
"""Name -> module and class."""


def get_runtime(name: str) -> Runtime:
    """The runtime of a name.

    Args:
        name: one of `RUNTIMES`.

    Raises:
        UnknownNameError: there is no such runtime.
    """
    if name not in RUNTIMES:
        raise UnknownNameError("runtime", name, RUNTIMES)
    module, _, runtime_class = RUNTIMES[name].partition(":")
    runtime: Runtime = getattr(import_module(module), runtime_class)()
    return runtime
