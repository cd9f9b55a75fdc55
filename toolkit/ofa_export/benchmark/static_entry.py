"""The static net with its full table, converted by the same tools, as a contender: it scores every item in one call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ofa_export.benchmark.graph_meter import MeteredGraphs
from ofa_export.benchmark.protocol import LIBRARIES, metered
from ofa_export.contract import GraphSpec
from ofa_export.converters.registry import get_converter


@dataclass(frozen=True, kw_only=True)
class StaticEntry:
    """A file of a runtime that holds the static net and its table.

    Args:
        path: the file.
        runtime: whose file it is.
        target: where it runs.
        precision: of its weights.
        spec: its one graph.
    """

    path: Path
    runtime: str
    target: str
    precision: str
    spec: GraphSpec

    @property
    def name(self) -> str:
        """Converter and precision."""
        return f"static:{self.runtime}:{self.precision}"

    @property
    def label(self) -> str:
        """For people."""
        return f"static net and full table, {self.runtime} {self.precision}"

    @property
    def libraries(self) -> tuple[str, ...]:
        """Modules of its runtime."""
        return LIBRARIES.get((self.target, self.runtime), ())

    @contextmanager
    def open(self) -> Iterator[StaticContender]:
        """Load the file."""
        with metered(self.target, get_converter(self.runtime), self.path.read_bytes(), (self.spec,)) as meter:
            yield StaticContender(meter, self.spec)


class StaticContender:
    """A static net on a runtime.

    Args:
        meter: its graph, loaded.
        spec: of the graph.
    """

    def __init__(self, meter: MeteredGraphs, spec: GraphSpec) -> None:
        self.meter, self._graph = meter, spec.name
        self._history = np.zeros(spec.inputs[0].shape, np.int32)
        self._length = np.zeros(1, np.int32)

    def session(self, history: NDArray[np.int64]) -> None:
        """Score every item; see `Contender.session`."""
        self.scores(history)

    def scores(self, history: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return scores of all items for a history of item rows, `[1, V]`."""
        rows, length = self.inputs(history)
        scores: NDArray[np.float32] = self.meter.run(self._graph, {"history": rows, "length": length})["scores"]
        return scores

    def inputs(self, history: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Item rows, left-padded, `[1, T]`, and how many there are, `[1]`; the same buffers every time."""
        self._history[0] = 0
        self._history[0, -len(history) :] = history
        self._length[0] = len(history)
        return self._history, self._length
