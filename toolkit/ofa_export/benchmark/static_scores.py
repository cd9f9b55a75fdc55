"""A check that a converted static net still computes the net's scores: otherwise its speed means nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ofa_export.benchmark.static_entry import StaticContender
from ofa_export.graphs.device import DeviceGraph
from ofa_export.validation.deviation import deviation

OTHER_NET_DB = 20.0
"""Scores that are further off than this do not come from rounding to eight bits, which leaves 30 dB and more."""

UTMOST_DB = 300.0
"""Stands for equal, and minus it for scores that are not finite."""


def scores_snr_db(contender: StaticContender, graph: DeviceGraph, histories: Sequence[NDArray[np.int64]]) -> float:
    """Scores on the runtime against those of the same net in PyTorch, the worst history, in dB.

    Args:
        contender: the net on the runtime.
        graph: the same net in PyTorch; `static_graph` makes it.
        histories: item rows of users.

    Returns:
        Signal-to-noise ratio as in `deviation`, within +-`UTMOST_DB`.
    """
    found, expected = [], []
    for history in histories:
        found.append(contender.scores(history))
        with torch.no_grad():
            expected.append(graph.module(*(torch.from_numpy(value) for value in contender.inputs(history)))[0].numpy())
    worst = deviation(np.stack(expected), np.stack(found)).snr_db.min()
    return float(np.clip(worst, -UTMOST_DB, UTMOST_DB))
