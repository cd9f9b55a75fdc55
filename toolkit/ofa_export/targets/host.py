"""This process: the build of each converter's runtime that Python has."""

from __future__ import annotations

from collections.abc import Sequence

from ofa_export.contract import GraphRunner, GraphSpec
from ofa_export.converters.protocol import Converter
from ofa_export.precision import ActivationRounding

HOST = "host"


class HostTarget:
    """Graphs run in this process; its versions are among those of the converter's tools."""

    name = HOST

    def load(self, converter: Converter, graphs: memoryview | bytes, contract: Sequence[GraphSpec]) -> GraphRunner:
        """Load a file; see `Target.load`."""
        return converter.load(graphs, contract)

    def activations(self, converter: Converter) -> ActivationRounding:
        """As XNNPACK does, which every converter's host runtime computes quantised layers with."""
        return "range"

    def versions(self, converter: Converter) -> dict[str, str]:
        """Return nothing that the converter does not name itself."""
        return {}
