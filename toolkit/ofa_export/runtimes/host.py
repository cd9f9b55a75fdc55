"""This process: the build of each backend's runtime that Python has."""

from __future__ import annotations

from collections.abc import Sequence

from ofa_export.backends.protocol import Backend, GraphRunner
from ofa_export.contract import GraphSpec

HOST = "host"


class HostRuntime:
    """Graphs run in this process; its versions are among those of the backend's tools."""

    name = HOST

    def load(self, backend: Backend, graphs: memoryview | bytes, contract: Sequence[GraphSpec]) -> GraphRunner:
        """Load a file; see `Runtime.load`."""
        return backend.load(graphs, contract)

    def versions(self, backend: Backend) -> dict[str, str]:
        """Nothing that the backend does not name itself."""
        return {}
