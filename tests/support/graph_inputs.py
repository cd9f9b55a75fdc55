"""Something to run a graph on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ofa_export.contract import GraphSpec


def random_inputs(graph: GraphSpec) -> dict[str, NDArray[Any]]:
    """Normal values, and a history of three items."""
    generator = np.random.default_rng(5)
    return {
        tensor.name: np.array([3], np.int32)
        if tensor.dtype == "int32"
        else generator.normal(size=tensor.shape).astype(np.float32)
        for tensor in graph.inputs
    }
