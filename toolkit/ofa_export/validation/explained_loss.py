"""What a precision itself costs a model: numbers beyond a limit that the quantised reference has as well.

A limit says what a precision is good for; some models lose more. Then the same loss shows in PyTorch that rounds as the
runtime does, and the bundle is as sound as any: it is worth a warning, and no failure. What is broken deviates from the
quantised reference (`checks/rounding.py`, `checks/sweep.py`), and loses more than that does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ofa_export.graphs.device import DeviceGraph
from ofa_export.validation.finding import Status

HEADROOM_DB = 3.0
"""Decibels by which a bundle may be worse than the quantised reference in a history: twice the noise (our choice). Of
seven sound bundles of random networks (width 16 to 256, 8 to 200 items, int8 and int4, one on ExecuTorch) the worst of
some 240 histories was 0.7 dB worse in an output, 1.1 dB in the scores."""

HEADROOM_SHARE = 0.05
"""Share of the ten best items that may go beyond what the quantised reference loses: one of twenty (our choice). Of the
same seven bundles it was 0.8 % in one, and nothing in the others."""

EXPLAINED = (
    " PyTorch that rounds as the runtime does loses as much: the precision costs this model more than is promised."
)
"""End of the sentence of a finding that only warns."""


class ModuleRunner:
    """PyTorch modules as a graph runner, so that a device can run them in place of a bundle's graphs.

    Args:
        graphs: all graphs of the contract.
    """

    def __init__(self, graphs: Sequence[DeviceGraph]) -> None:
        self._graphs = {graph.spec.name: graph for graph in graphs}

    @torch.no_grad()
    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run one graph; see `GraphRunner.run`."""
        spec, module = self._graphs[graph].spec, self._graphs[graph].module
        outputs = module(*(torch.from_numpy(np.array(inputs[tensor.name])) for tensor in spec.inputs))
        return {tensor.name: output.numpy() for tensor, output in zip(spec.outputs, outputs, strict=True)}

    def close(self) -> None:
        """Nothing is held."""


def explained(found_db: NDArray[np.float64], predicted_db: NDArray[np.float64], *, floor: float) -> bool:
    """Tell whether the precision explains every history that is below a floor.

    Args:
        found_db: signal-to-noise ratio of the bundle in each history, `[H]`; NaN and -infinite are never explained.
        predicted_db: the same of the quantised reference.
        floor: in decibels.
    """
    below = ~(found_db >= floor)
    return bool((found_db[below] >= predicted_db[below] - HEADROOM_DB).all() and np.isfinite(found_db[below]).all())


def unless(explanation: bool) -> tuple[Status, str]:
    """Return the status of a finding beyond its limit, and the end of its sentence.

    Args:
        explanation: whether the precision explains it.
    """
    return ("warn", EXPLAINED) if explanation else ("fail", "")
