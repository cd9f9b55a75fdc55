"""What one candidate is worth: the reference rounded as the device rounds, at every measured prefix of the tiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from ofa_export.backends.protocol import Backend
from ofa_export.backends.sample_inputs import sample_inputs
from ofa_export.bundle import embeddings
from ofa_export.bundle.codes import encode
from ofa_export.bundle.items import ItemCatalogue
from ofa_export.bundle.order import floor_tiles
from ofa_export.bundle.table import ElasticTable
from ofa_export.graphs.device import DeviceGraph, device_graphs
from ofa_export.graphs.layers import linear_layers
from ofa_export.metrics import ndcg, target_ranks
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.fake_quantised import fake_quantised
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.model.scoring import score_histories
from ofa_export.model.threads import one_torch_thread
from ofa_export.planning.bundled import bundled
from ofa_export.planning.candidates import Candidate
from ofa_export.planning.measured_candidate import MeasuredCandidate, MeasuredPoint, rising
from ofa_export.planning.quality import check_group, group_probes, measured_prefixes
from ofa_export.planning.recipe import OpenRecipe
from ofa_export.planning.selftest_vectors import selftest_vectors
from ofa_export.precision import Precision

BITS = {"fp32": 32, "int8": 8, "int4": 4}


class WorthSource:
    """A checkpoint, its table at every measured prefix, and the bytes that all candidates share.

    Args:
        checkpoint: as it was trained.
        backend: whose rounding counts.
        group: user group.
        recipe: gives candidates of `score` and the self-test, whose bytes are part of every bundle.

    Raises:
        ConfigError: there is no such user group.
    """

    def __init__(self, checkpoint: Checkpoint, *, backend: Backend, group: int, recipe: OpenRecipe) -> None:
        check_group(checkpoint, group)
        self.checkpoint, self.backend, self.group, self.recipe = checkpoint, backend, group, recipe
        sizes = checkpoint.config.model.group_sizes
        encoded = encode(checkpoint.table(group).numpy(), group_sizes=sizes)
        table = ElasticTable.from_encoded(encoded, checkpoint.tile_orders[group])
        items = ItemCatalogue(keys=checkpoint.item_keys, titles=checkpoint.item_titles)
        selftest = selftest_vectors(checkpoint, group=group, recipe=recipe.selftest, encoded=encoded)
        other = len(items.to_bytes()) + len(selftest.to_bytes())
        self.prefixes = measured_prefixes(table, floor=floor_tiles(table.order))
        self.fixed_bytes = [embeddings.embeddings_bytes(table, count) + other for count in self.prefixes]
        self.tables = [torch.from_numpy(table.with_tiles(count).all_rows()) for count in self.prefixes]

    @torch.no_grad()
    def worth(self, candidate: Candidate) -> MeasuredCandidate:
        """Measure one candidate.

        Args:
            candidate: which configuration.
        """
        with one_torch_thread():
            model = bundled(self.checkpoint, group=self.group, recipe=candidate.resolved(self.recipe)).model
            graphs = device_graphs(model, candidates=self.recipe.candidates)
            rounded = fake_quantised(model, candidate.precision, backend=self.backend)
            qualities, executed = self._qualities(rounded)
            rows = zip(self.prefixes, self.fixed_bytes, qualities, rising(qualities), strict=True)
            return MeasuredCandidate(
                candidate=candidate,
                weight_bytes=weight_bytes(graphs, candidate.precision, self.backend),
                macs=_macs(graphs, executed),
                points=tuple(
                    MeasuredPoint(tiles=tiles, fixed_bytes=fixed, ndcg=quality, planned_ndcg=planned)
                    for tiles, fixed, quality, planned in rows
                ),
            )

    def _qualities(self, model: AdaptiveRecommender) -> tuple[list[float], NDArray[np.float64]]:
        """NDCG@10 at each prefix, and how often each block is executed with the whole table."""
        probes, chosen = self.checkpoint.probes, group_probes(self.checkpoint, self.group)
        histories, targets = probes.histories[chosen], probes.targets[chosen]
        seen = histories if self.checkpoint.config.data.exclude_history else None
        found, executed = [], np.empty(0)
        for table in self.tables:
            scores, gates = score_histories(model, model.adapt, table, histories)
            executed = gates.mean(axis=0, dtype=np.float64)
            found.append(float(ndcg(target_ranks(scores, targets, history=seen), 10).mean()))
        return found, executed


def weight_bytes(graphs: Sequence[DeviceGraph], precision: Precision, backend: Backend) -> int:
    """Bytes of the weights of the linear layers; scales, biases and the file around them come on top."""
    return sum(
        layer.weight.numel()
        * BITS[backend.rules.applied(precision.scheme_of(name), in_features=layer.in_features)]
        // 8
        for name, layer in linear_layers(graphs).items()
    )


def _macs(graphs: tuple[DeviceGraph, ...], executed: NDArray[np.float64]) -> float:
    """Of one history: `adapt`, and each block as often as it is executed."""
    adapt, *blocks, _ = graphs
    counts = []
    for graph in (adapt, *blocks):
        with FlopCounterMode(display=False) as counter:
            graph.module(*sample_inputs(graph.spec))
        # PyTorch counts the multiplication and the addition apart.
        counts.append(counter.get_total_flops() / 2)
    return float(counts[0] + np.dot(executed, counts[1:]))
