"""Operators that the runtime on a phone does not load, by runtime; of other runtimes nothing is known."""

from __future__ import annotations

from ofa_export.converters.schemes import newest

LITERT, EXECUTORCH = "litert", "executorch"


def unloadable_operators(runtime: str, graphs: memoryview | bytes) -> tuple[str, ...]:
    """Describe operators that the phone's release of a runtime does not load.

    Args:
        runtime: its name.
        graphs: a file that the host's release has verified.

    Returns:
        One text for each, with what is known of releases that load it.
    """
    # Imported here: each knows the format of its runtime.
    if runtime == LITERT:
        from ofa_export.converters.litert import operators as litert

        return litert.unloadable(graphs)
    if runtime == EXECUTORCH:
        from ofa_export.converters.executorch import operators as executorch

        return executorch.unloadable(graphs)
    return ()


def minimum_version(runtime: str, graphs: memoryview | bytes, *, of_schemes: str) -> str:
    """Return the oldest release of a runtime that loads a file.

    Args:
        runtime: its name.
        graphs: converted graphs.
        of_schemes: the oldest release that loads the schemes of its layers.
    """
    if runtime != LITERT:
        return of_schemes
    from ofa_export.converters.litert.operators import oldest_release

    return newest(of_schemes, oldest_release(graphs))
