"""Protocol of the contenders that are measured: they turn a history into scores, in a process of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ofa_export.benchmark.graph_meter import ChildMeter, GraphMeter, HereMeter, MeteredGraphs
from ofa_export.contract import GraphSpec
from ofa_export.converters.protocol import Converter
from ofa_export.errors import ConfigError, UnknownNameError
from ofa_export.targets import registry
from ofa_export.targets.process.measuring_runner import MeasuringRunner
from ofa_export.targets.registry import get_target

TARGETS = ("host", "android")
"""Targets on which graphs can be measured; times on an emulated processor say nothing."""


def check_target(target: str) -> None:
    """Refuse a target that nothing can be measured on.

    Args:
        target: its name.

    Raises:
        ConfigError: it is emulated.
        UnknownNameError: there is none of that name.
    """
    if target in TARGETS:
        return
    if target in {*registry.TARGETS, *registry.SEVERAL}:
        raise ConfigError(
            f"The target {target} runs on a processor that qemu emulates, where times say nothing; use --target "
            f"{' or --target '.join(TARGETS)}."
        )
    raise UnknownNameError("target", target, TARGETS)


class Contender(Protocol):
    """One way to rank for a user; one thread, everything loaded."""

    def session(self, history: NDArray[np.int64]) -> None:
        """Rank for one history, from item rows to scores.

        Args:
            history: item rows, oldest first, `[n]`, 1 to T.
        """
        ...

    @property
    def meter(self) -> GraphMeter:
        """Costs of its graphs."""
        ...


class Entry(Protocol):
    """Maker of a contender, in this process or another: it can be pickled."""

    @property
    def name(self) -> str:
        """Stable name, without blanks."""
        ...

    @property
    def label(self) -> str:
        """Name for people."""
        ...

    @property
    def path(self) -> Path | None:
        """The file that is shipped, None when there is none."""
        ...

    @property
    def runtime(self) -> str | None:
        """The runtime of its graphs, None when it has none."""
        ...

    @property
    def libraries(self) -> tuple[str, ...]:
        """Modules that its runtime consists of: what is in memory before anything of the contender is."""
        ...

    def open(self) -> AbstractContextManager[Contender]:
        """Load it."""
        ...


@contextmanager
def metered(
    target: str, converter: Converter, graphs: memoryview | bytes, contract: Sequence[GraphSpec]
) -> Iterator[MeteredGraphs]:
    """Return graphs on a target, loaded and with a meter.

    Args:
        target: one of `TARGETS`.
        converter: see `Target.load`.
        graphs: see `Target.load`.
        contract: see `Target.load`.

    Raises:
        OfaExportError: see `Target.load`.
    """
    runner = get_target(target).load(converter, graphs, contract)
    try:
        # What runs elsewhere and does not time itself would be timed with the way there and back.
        yield ChildMeter(runner) if isinstance(runner, MeasuringRunner) else HereMeter(runner)
    finally:
        runner.close()


LIBRARIES = {
    ("host", "litert"): ("ai_edge_litert.interpreter",),
    ("host", "executorch"): ("torch", "executorch.extension.pybindings._C"),
    ("android", "litert"): ("ai_edge_litert.interpreter", "ofa_export.targets.android.target"),
    ("android", "executorch"): ("ofa_export.targets.android.target",),
}
"""By target and runtime, what loading a file imports in this process; nothing where it is not known."""
