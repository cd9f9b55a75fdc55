"""Smaller ranks and depth caps of one trained network: their cost in quality, their gain in bytes and time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ofa_export.contract import GraphRunner, block_name, theta_name
from ofa_export.converters.conversion import convert_cached
from ofa_export.converters.protocol import Converter
from ofa_export.errors import ConfigError
from ofa_export.graphs.device import device_graphs, sample_inputs
from ofa_export.model.network import AdaptiveRecommender, lookup
from ofa_export.model.reductions.caps import with_depth_cap, with_rank
from ofa_export.precision import Precision
from ofa_export.ranking.metrics import ndcg_at_10
from ofa_export.ranking.scoring import score_histories
from ofa_export.support.content_cache import ContentCache


@dataclass(frozen=True, kw_only=True)
class Caps:
    """A smaller network out of a trained one.

    Args:
        rank: columns of the generated weights that it keeps.
        depth_cap: blocks that a user's network has at most.
    """

    rank: int
    depth_cap: int

    def of(self, model: AdaptiveRecommender) -> AdaptiveRecommender:
        """Return the smaller network.

        Raises:
            ConfigError: the network has no such rank or depth.
        """
        return with_depth_cap(with_rank(model, self.rank), self.depth_cap)


@dataclass(frozen=True, kw_only=True)
class MapperPoint:
    """Quality and size of one smaller network.

    Args:
        caps: which one.
        ndcg: NDCG@10 over the histories, all items ranked.
        executed_share: mean share of blocks that were executed.
        parameters: numbers in its device graphs, without the item table; a depth cap leaves out none, because each
            user may need another block.
        parameter_bytes: their bytes in fp32, not those of a converted file.
        macs: multiply-accumulates of the matrix products of `adapt` and of the blocks executed on average; `score`,
            which no cap changes, is left out.
    """

    caps: Caps
    ndcg: float
    executed_share: float
    parameters: int
    parameter_bytes: int
    macs: float


@dataclass(frozen=True, kw_only=True)
class RuntimeCost:
    """What one smaller network costs on a runtime on this computer.

    Args:
        caps: which one.
        graph_bytes: size of its converted file.
        milliseconds: median time of `adapt` and the executed blocks for one history.
        time_ratio: median over the rounds of its time in terms of the first network's in the same round.
    """

    caps: Caps
    graph_bytes: int
    milliseconds: float
    time_ratio: float


def mapper_elasticity(
    model: AdaptiveRecommender,
    table: Tensor,
    histories: NDArray[np.int32],
    targets: NDArray[np.int32],
    *,
    ranks: Iterable[int],
    depth_caps: Iterable[int],
    exclude_history: bool = False,
) -> tuple[MapperPoint, ...]:
    """Quality and size of every combination of ranks and depth caps (our choice).

    Args:
        model: trained for nested ranks, or not: then it shows what that costs.
        table: [V, d], which history and candidates are read from.
        histories: int32 [B, T], item rows, -1 where padded; never of the test split while choosing.
        targets: int32 [B], the item that came next.
        ranks: 1 to r.
        depth_caps: 1 to L.
        exclude_history: whether the visible history leaves the ranking.

    Returns:
        One point for each combination, ranks outermost.

    Raises:
        ConfigError: the network has no such rank or depth, or there are no histories.
    """
    if not len(histories):
        raise ConfigError("There are no histories to evaluate on. Give at least one history and its next item.")
    seen = histories if exclude_history else None
    points = []
    for rank, depth_cap in product(ranks, depth_caps):
        caps = Caps(rank=rank, depth_cap=depth_cap)
        smaller = caps.of(model)
        scores, gates = score_histories(smaller, smaller.adapt, table, histories)
        parameters = sum(value.numel() for name, value in smaller.named_parameters() if name != "tables")
        points.append(
            MapperPoint(
                caps=caps,
                ndcg=float(ndcg_at_10(scores, targets, history=seen).mean()),
                executed_share=float(gates.mean()),
                parameters=parameters,
                parameter_bytes=4 * parameters,
                macs=_macs(smaller, gates.mean(axis=0)),
            )
        )
    return tuple(points)


def runtime_costs(
    model: AdaptiveRecommender,
    table: Tensor,
    histories: NDArray[np.int32],
    caps: Sequence[Caps],
    *,
    converter: Converter,
    precision: Precision,
    store: ContentCache,
    rounds: int = 20,
) -> tuple[RuntimeCost, ...]:
    """Sizes and times of smaller networks on a runtime, measured in turn so that a busy computer slows all alike.

    Args:
        model: the trained network.
        table: [V, d], which histories are read from.
        histories: int32 [B, T], item rows, -1 where padded.
        caps: which networks; the first is what the others are compared with.
        converter: converts and runs them.
        precision: a scheme for every linear layer.
        store: where conversions are kept.
        rounds: how often each history is run on each network, after one round that does not count.

    Returns:
        One cost for each of `caps`.

    Raises:
        ConfigError: the network has no such rank or depth, or there is nothing to measure.
        LoweringError: the converter refused a graph.
    """
    if not (len(histories) and caps and rounds > 0):
        raise ConfigError("There is nothing to measure. Give at least one history, one pair of caps and one round.")
    # `score` is not run; one candidate keeps it small.
    graphs = [device_graphs(each.of(model), candidates=1) for each in caps]
    files = [convert_cached(each, converter=converter, precision=precision, store=store) for each in graphs]
    runners = [converter.load(file, [graph.spec for graph in each]) for file, each in zip(files, graphs, strict=True)]
    try:
        times = _times(runners, table, histories, rounds)
    finally:
        for runner in runners:
            runner.close()
    return tuple(
        RuntimeCost(
            caps=each,
            graph_bytes=len(files[index]),
            milliseconds=float(np.median(times[:, index])),
            time_ratio=float(np.median(times[:, index] / times[:, 0])),
        )
        for index, each in enumerate(caps)
    )


def _macs(model: AdaptiveRecommender, executed: NDArray[np.float32]) -> float:
    """Of one history: `adapt`, and each block as often as it is executed."""
    adapt, *blocks, _ = device_graphs(model, candidates=1)
    counts = []
    for graph in (adapt, *blocks):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            graph.module(*sample_inputs(graph.spec))
        # PyTorch counts the multiplication and the addition apart.
        counts.append(counter.get_total_flops() / 2)
    return float(counts[0] + np.dot(executed, counts[1:]))


def _times(
    runners: Sequence[GraphRunner], table: Tensor, histories: NDArray[np.int32], rounds: int
) -> NDArray[np.float64]:
    """Milliseconds of each pass over a history, `[rounds * B, runners]`."""
    rows = torch.from_numpy(histories.astype(np.int64))
    embedded = lookup(table, rows)[:, None].numpy()
    lengths = (rows >= 0).sum(dim=1, keepdim=True).to(torch.int32).numpy()
    times = np.array(
        [
            [[_milliseconds(runner, *one) for runner in runners] for one in zip(embedded, lengths, strict=True)]
            for _ in range(1 + rounds)
        ]
    )
    # The first round only warms up.
    return times[1:].reshape(-1, len(runners))


def _milliseconds(runner: GraphRunner, history: NDArray[np.float32], length: NDArray[np.int32]) -> float:
    start = time.perf_counter()
    adapted = runner.run("adapt", {"history": history, "length": length})
    hidden = adapted["hidden"]
    for index in np.flatnonzero(adapted["gates"][0] > 0.5):
        theta = theta_name(int(index))
        inputs = {"hidden": hidden, "length": length, theta: adapted[theta]}
        hidden = runner.run(block_name(int(index)), inputs)["hidden"]
    return 1e3 * (time.perf_counter() - start)
