"""Finite outputs: NaN and infinity fail, whatever they are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ofa_export.validation.finding import Finding, at_most
from ofa_export.validation.histories import ValidationHistories
from ofa_export.validation.reference import Tensors


def finite_findings(outputs: Mapping[str, Tensors], histories: ValidationHistories) -> Iterator[Finding]:
    """Count values of the bundle's graphs that are not finite.

    Args:
        outputs: from `run_graphs`.
        histories: names for what stands out.

    Yields:
        `finite.GRAPH.nonfinite_count`.
    """
    for graph, tensors in outputs.items():
        bad = {name: ~np.isfinite(value) for name, value in tensors.items()}
        where = [
            f"{name} of {histories.names[int(np.argwhere(mask)[0, 0])]}" for name, mask in bad.items() if mask.any()
        ]
        yield at_most(
            f"finite.{graph}.nonfinite_count",
            sum(int(mask.sum()) for mask in bad.values()),
            0,
            "count",
            f"Values of the outputs of graph {graph} that are NaN or infinite"
            + (f", the first in {', '.join(where)}." if where else ": none."),
        )
