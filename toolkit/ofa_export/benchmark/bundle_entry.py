"""A bundle as a contender: the session that it is made for, and a ranking of everything in it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ofa_export.backends.protocol import GraphRunner
from ofa_export.backends.registry import get_backend
from ofa_export.benchmark.protocol import LIBRARIES, load_graphs
from ofa_export.bundle.device import Device
from ofa_export.bundle.reader import Bundle

SHOWN = 10
"""Items of a ranking."""


@dataclass(frozen=True, kw_only=True)
class BundleEntry:
    """A bundle.

    Args:
        path: its file.
        backend: the backend that its manifest names.
        runtime: where its graphs run.
        candidates: how many items a session scores: one call of `score`, or all of the bundle.
    """

    path: Path
    backend: str
    runtime: str
    candidates: Literal["one call", "all"]

    @property
    def name(self) -> str:
        """File name, and what is scored if that is everything."""
        return self.path.name if self.candidates == "one call" else f"{self.path.name}:all"

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.path.name}{', all items ranked' if self.candidates == 'all' else ''}"

    @property
    def libraries(self) -> tuple[str, ...]:
        """Modules of its runtime."""
        return LIBRARIES.get(self.backend, ())

    @contextmanager
    def open(self) -> Iterator[BundleContender]:
        """Map the bundle and load its graphs."""
        with Bundle.open(self.path) as bundle:
            contract = bundle.manifest.shapes.contract()
            runner = load_graphs(self.runtime, get_backend(self.backend), bundle.graphs, contract)
            try:
                yield BundleContender(bundle, runner, ranks_all=self.candidates == "all")
            finally:
                runner.close()


class BundleContender:
    """A bundle on a runtime; its parts are `adapt`, `block` (of each that runs) and `score` (of each call).

    Args:
        bundle: an open bundle.
        runner: its graphs, loaded.
        ranks_all: whether a session ranks every item.
    """

    def __init__(self, bundle: Bundle, runner: GraphRunner, *, ranks_all: bool) -> None:
        self._runner = TimedRunner(runner)
        self._device = Device(bundle, self._runner)
        self._ranks_all = ranks_all
        self._candidates = np.arange(min(bundle.manifest.shapes.candidates, len(bundle.items)))

    def session(self, history: NDArray[np.int64]) -> None:
        """Look up, adapt, run the blocks whose gate is on, and score; see `Contender.session`."""
        if self._ranks_all:
            self._device.rank(history, SHOWN)
        else:
            self._device.adapt(history)
            self._device.score(self._candidates)

    def parts(self) -> list[tuple[str, float]]:
        """Calls of the graphs; see `Contender.parts`."""
        taken, self._runner.calls = self._runner.calls, []
        return [(graph.partition("_")[0], milliseconds) for graph, milliseconds in taken]


class TimedRunner:
    """A runner that remembers how long each call took.

    Args:
        runner: what runs the graphs; closed by whoever made it.
    """

    def __init__(self, runner: GraphRunner) -> None:
        self._runner = runner
        self.calls: list[tuple[str, float]] = []

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run one graph; see `GraphRunner.run`."""
        start = time.perf_counter()
        outputs = self._runner.run(graph, inputs)
        self.calls.append((graph, 1000 * (time.perf_counter() - start)))
        return outputs

    def close(self) -> None:
        """Free the runtime's memory."""
        self._runner.close()
