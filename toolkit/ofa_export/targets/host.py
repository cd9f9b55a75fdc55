"""This process: the build of each backend's runtime that Python has."""

from __future__ import annotations

from collections.abc import Sequence

from ofa_export.contract import GraphSpec
from ofa_export.converters.protocol import Backend, GraphRunner
from ofa_export.quantisation_rules import ActivationRounding

HOST = "host"


class HostRuntime:
    """Graphs run in this process; its versions are among those of the backend's tools."""

    name = HOST

    def load(self, backend: Backend, graphs: memoryview | bytes, contract: Sequence[GraphSpec]) -> GraphRunner:
        """Load a file; see `Runtime.load`."""
        return backend.load(graphs, contract)

    def activations(self, backend: Backend) -> ActivationRounding:
        """As XNNPACK does, which every backend's host runtime computes quantised layers with."""
        return "range"

    def versions(self, backend: Backend) -> dict[str, str]:
        """Nothing that the backend does not name itself."""
        return {}
