"""The shape of a target, which is where graphs run; a new one is listed in `registry.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ofa_export.contract import GraphRunner, GraphSpec
from ofa_export.converters.protocol import Converter
from ofa_export.precision import ActivationRounding


class Target(Protocol):
    """Runs the files of converters."""

    @property
    def name(self) -> str:
        """Name that a user gives."""
        ...

    def load(self, converter: Converter, graphs: memoryview | bytes, contract: Sequence[GraphSpec]) -> GraphRunner:
        """Load a file of a converter.

        Args:
            converter: what converted it.
            graphs: its bytes.
            contract: what it has to hold.

        Returns:
            The loaded graphs; `close` them. Where they run in another process, `run` raises RuntimeFailedError too.

        Raises:
            BundleError: the bytes are not such a file, or it holds something else than the contract says.
            RuntimeFailedError: another process refused the file, crashed on it or did not answer.
            ConfigError: the target does not run here, or not for this converter.
            MissingToolError: something that it needs is not installed, or cannot be fetched.
        """
        ...

    def activations(self, converter: Converter) -> ActivationRounding:
        """Return how inputs of quantised layers are rounded in its release of a runtime; weights follow `rules`."""
        ...

    def versions(self, converter: Converter) -> dict[str, str]:
        """Return versions of what runs the graphs and is not among the converter's own tools, by name."""
        ...
