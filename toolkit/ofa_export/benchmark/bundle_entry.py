"""A bundle as a contender: the session that it is made for, and a ranking of everything in it."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ofa_export.benchmark.graph_meter import MeteredGraphs
from ofa_export.benchmark.protocol import LIBRARIES, metered
from ofa_export.bundle.reader import Bundle
from ofa_export.converters.registry import get_converter
from ofa_export.device.loop import Device

SHOWN = 10
"""Items of a ranking."""


@dataclass(frozen=True, kw_only=True)
class BundleEntry:
    """A bundle.

    Args:
        path: its file.
        runtime: that its manifest names.
        target: where its graphs run.
        candidates: how many items a session scores: one call of `score`, or all of the bundle.
    """

    path: Path
    runtime: str
    target: str
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
        return LIBRARIES.get((self.target, self.runtime), ())

    @contextmanager
    def open(self) -> Iterator[BundleContender]:
        """Map the bundle and load its graphs."""
        # Mapped as on a phone, where its pages are memory that the system can have back; this process is its own.
        with self.path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with Bundle(memoryview(mapped)) as bundle:
            contract = bundle.manifest.shapes.contract()
            with metered(self.target, get_converter(self.runtime), bundle.graphs, contract) as meter:
                yield BundleContender(bundle, meter, ranks_all=self.candidates == "all")


class BundleContender:
    """A bundle on a runtime.

    Args:
        bundle: an open bundle.
        meter: its graphs, loaded.
        ranks_all: whether a session ranks every item.
    """

    def __init__(self, bundle: Bundle, meter: MeteredGraphs, *, ranks_all: bool) -> None:
        self.meter = meter
        self._device = Device(bundle, meter)
        self._ranks_all = ranks_all
        self._candidates = np.arange(min(bundle.manifest.shapes.candidates, len(bundle.items)))

    def session(self, history: NDArray[np.int64]) -> None:
        """Look up, adapt, run the blocks whose gate is on, and score; see `Contender.session`."""
        if self._ranks_all:
            self._device.rank_rows(history, SHOWN)
        else:
            self._device.adapt(history)
            self._device.score(self._candidates)
