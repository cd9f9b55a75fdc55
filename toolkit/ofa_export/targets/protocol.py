"""What a place to run graphs has to offer; a new one is a class of this shape, listed in `registry.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ofa_export.contract import GraphSpec
from ofa_export.converters.protocol import Backend, GraphRunner
from ofa_export.quantisation_rules import ActivationRounding


class Runtime(Protocol):
    """Runs the files of backends.

    Attributes:
        name: what the user calls it.
    """

    @property
    def name(self) -> str: ...

    def load(self, backend: Backend, graphs: memoryview | bytes, contract: Sequence[GraphSpec]) -> GraphRunner:
        """Load a file of a backend.

        Args:
            backend: what converted it.
            graphs: its bytes.
            contract: what it has to hold.

        Returns:
            The loaded graphs; `close` them. Where they run in another process, `run` raises RuntimeFailedError too.

        Raises:
            BundleError: the bytes are not such a file, or it holds something else than the contract says.
            RuntimeFailedError: another process refused the file, crashed on it or did not answer.
            ConfigError: the runtime does not run here, or not for this backend.
            MissingToolError: something that it needs is not installed, or cannot be fetched.
        """
        ...

    def activations(self, backend: Backend) -> ActivationRounding:
        """How its release of a backend's runtime rounds the inputs of quantised layers; weights follow `rules`."""
        ...

    def versions(self, backend: Backend) -> dict[str, str]:
        """Versions of what runs the graphs and is not among the backend's own tools, by name."""
        ...
