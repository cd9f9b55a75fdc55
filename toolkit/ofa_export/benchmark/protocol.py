"""What is measured: contenders, which turn a history into scores, and how a process of its own makes one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ofa_export.backends.protocol import Backend, GraphRunner
from ofa_export.contract import GraphSpec
from ofa_export.errors import UnknownNameError

RUNTIMES = ("host",)
"""Where graphs can be measured."""


class Contender(Protocol):
    """One way to rank for a user; one thread, everything loaded."""

    def session(self, history: NDArray[np.int64]) -> None:
        """Rank for one history, from item rows to scores.

        Args:
            history: item rows, oldest first, `[n]`, 1 to T.
        """
        ...

    def parts(self) -> list[tuple[str, float]]:
        """Parts of the sessions since the last call and the milliseconds that each took; none where there are none."""
        ...


class Entry(Protocol):
    """How a contender is made, in this process or another: it can be pickled.

    Attributes:
        name: stable, without blanks.
        label: for people.
        path: the file that is shipped, None when there is none.
        backend: of its graphs, None when it has none.
        libraries: modules that its runtime consists of: what is in memory before anything of the contender is.
    """

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def path(self) -> Path | None: ...

    @property
    def backend(self) -> str | None: ...

    @property
    def libraries(self) -> tuple[str, ...]: ...

    def open(self) -> AbstractContextManager[Contender]:
        """Load it."""
        ...


def load_graphs(
    runtime: str, backend: Backend, graphs: memoryview | bytes, contract: tuple[GraphSpec, ...]
) -> GraphRunner:
    """Graphs on a runtime: the one place to plug in others than this computer's.

    Args:
        runtime: one of `RUNTIMES`.
        backend: whose format the graphs have.
        graphs: their bytes.
        contract: what they have to hold.

    Raises:
        UnknownNameError: there is no such runtime.
        BundleError: the runtime does not take the graphs.
    """
    if runtime not in RUNTIMES:
        raise UnknownNameError("runtime", runtime, RUNTIMES)
    return backend.load(graphs, contract)


LIBRARIES = {
    "litert": ("ai_edge_litert.interpreter",),
    "executorch": ("torch", "executorch.extension.pybindings._portable_lib"),
}
"""By backend of a runtime, what loading it imports; nothing where it is not known."""
