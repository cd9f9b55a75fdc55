"""Protocol of a converter; a new one is a class of this shape, registered as an entry point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from ofa_export.contract import GraphRunner, GraphSpec
from ofa_export.precision import Precision, QuantisationRules, Scheme

if TYPE_CHECKING:
    from ofa_export.graphs.device import DeviceGraph


class Converter(Protocol):
    """One runtime: converts device graphs for it and runs them on this computer."""

    @property
    def name(self) -> str:
        """Name that a user gives."""
        ...

    @property
    def entry_name(self) -> str:
        """The bundle entry that holds its graphs."""
        ...

    @property
    def schemes(self) -> Mapping[Scheme, str]:
        """Schemes that `convert` has for a linear layer, each with the phone's oldest runtime that loads it."""
        ...

    @property
    def rules(self) -> QuantisationRules:
        """Rules by which it stores and computes quantised layers."""
        ...

    def convert(self, graphs: Sequence[DeviceGraph], *, precision: Precision) -> bytes:
        """Convert graphs to one file of the runtime; the same graphs give the same bytes.

        Args:
            graphs: the graphs, each with its names, shapes and module.
            precision: a scheme for every linear layer.

        Raises:
            UnknownNameError: a scheme is none of `schemes`.
            ConfigError: the precision names a layer that no graph has.
            LoweringError: the converter refused a graph.
        """
        ...

    def load(self, graphs: memoryview | bytes, contract: Sequence[GraphSpec]) -> GraphRunner:
        """Load a file of the runtime.

        Args:
            graphs: its bytes.
            contract: what it has to hold.

        Raises:
            BundleError: the bytes are not such a file, or it holds something else than the contract says.
        """
        ...

    def tool_versions(self) -> dict[str, str]:
        """Return versions of everything that has a say in what `convert` returns, by distribution name."""
        ...
