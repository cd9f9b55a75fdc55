"""The worth of a configuration: the reference rounded as the device rounds, at every measured prefix of the tiles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from ofa_export.bundle import embeddings
from ofa_export.converters.protocol import Converter
from ofa_export.graphs.device import DeviceGraph, device_graphs, sample_inputs
from ofa_export.graphs.layers import linear_layers
from ofa_export.model.fake_quantised import fake_quantised
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.planning.bundle_recipe import BundleRecipe, OpenRecipe
from ofa_export.planning.configurations import Configuration, MeasuredConfiguration, MeasuredPoint, rising
from ofa_export.planning.item_selection import ItemSelection
from ofa_export.planning.make_selftest import selftest_vectors, undecided_margin
from ofa_export.planning.reduced_checkpoint import bundled
from ofa_export.precision import INT8, Precision
from ofa_export.ranking.table_ranks import FullTable
from ofa_export.ranking.validation_scores import ValidationScores
from ofa_export.support.processes import one_torch_thread

BITS = {"fp32": 32, "int8": 8, "int4": 4}

PART = re.compile(r"adapt\.mapper\.generators\.\d+|adapt\.\w+|\w+")
"""The part of the network that a layer belongs to, at the start of its name."""


class WorthSource:
    """Shared work of measuring configurations of one selection of items: its table at every measured prefix.

    Args:
        selection: the items.
        converter: whose rounding counts.
        recipe: gives candidates of `score` and the self-test, whose bytes are part of every bundle.
    """

    def __init__(self, selection: ItemSelection, *, converter: Converter, recipe: BundleRecipe | OpenRecipe) -> None:
        self.selection, self.converter, self.recipe = selection, converter, recipe
        table, checkpoint = selection.table, selection.checkpoint
        items = len(selection.items_entry)
        self.shared_bytes = [embeddings.embeddings_bytes(table, count) + items for count in selection.prefixes]
        prefixes = [table.with_tiles(count) for count in selection.prefixes]
        self.scores = ValidationScores(checkpoint, group=selection.group, tables=prefixes)
        # What the prefixes are compared with is the table of all items.
        full = FullTable(selection.trained.table(selection.group))
        self.full_scores = ValidationScores(selection.trained, group=selection.group, tables=[full])
        # Nobody is a user of made histories.
        self.users = self.scores.users if checkpoint.config.history_kind == "real" else 0
        self._models: dict[Configuration, AdaptiveRecommender] = {}
        self._selftests: dict[tuple[Configuration, float], int] = {}

    @torch.no_grad()
    def worth(self, configuration: Configuration) -> MeasuredConfiguration:
        """Measure one configuration.

        Args:
            configuration: which configuration.
        """
        with one_torch_thread():
            model, graphs = self._model(configuration), self._graphs(configuration)
            selftest = self._selftest_bytes(configuration)
            rounded = fake_quantised(model, configuration.precision, converter=self.converter)
            qualities, executed = self.scores.qualities(rounded, configuration.precision)
            (full,), _ = self.full_scores.qualities(rounded, configuration.precision)
            rows = zip(self.selection.prefixes, self.shared_bytes, qualities, rising(qualities), strict=True)
            return MeasuredConfiguration(
                configuration=configuration,
                weights=self.weights(configuration),
                macs=_macs(graphs, executed),
                points=tuple(
                    MeasuredPoint(tiles=tiles, fixed_bytes=shared + selftest, ndcg=quality, planned_ndcg=planned)
                    for tiles, shared, quality, planned in rows
                ),
                full_table_ndcg=full,
                users=self.users,
            )

    def _selftest_bytes(self, configuration: Configuration) -> int:
        """Return the size of the self-test, which is the same for all precisions with the same margin."""
        key = (_unrounded(configuration), undecided_margin(configuration.precision))
        if key not in self._selftests:
            vectors = selftest_vectors(
                replace(self.selection.checkpoint, model=self._model(configuration)),
                group=self.selection.group,
                recipe=self.recipe.selftest,
                table=self.selection.table,
                precision=configuration.precision,
            )
            self._selftests[key] = len(vectors.to_bytes())
        return self._selftests[key]

    def weights(self, configuration: Configuration) -> dict[str, int]:
        """Return bytes of a configuration's weights by part of the network."""
        return weights(self._graphs(configuration), configuration.precision, self.converter)

    def _graphs(self, configuration: Configuration) -> tuple[DeviceGraph, ...]:
        return device_graphs(self._model(configuration), candidates=self.recipe.candidates)

    def _model(self, configuration: Configuration) -> AdaptiveRecommender:
        """Return the network before rounding, which is the same for all precisions."""
        cut = _unrounded(configuration)
        if cut not in self._models:
            recipe = configuration.resolved(self.recipe)
            self._models[cut] = bundled(self.selection.checkpoint, recipe=recipe).model
        return self._models[cut]


def _unrounded(configuration: Configuration) -> Configuration:
    """Return what is the same for all precisions."""
    return configuration.model_copy(update={"precision": INT8})


def weights(graphs: Sequence[DeviceGraph], precision: Precision, converter: Converter) -> dict[str, int]:
    """Return bytes of the weights of the linear layers; scales, biases and the file around them come on top.

    Args:
        graphs: of the network.
        precision: of its layers.
        converter: whose rules apply.

    Returns:
        Bytes by part: `adapt.controller`, `adapt.mapper`, `adapt.mapper.generators.0`, `block_0`, and so on.
    """
    found: dict[str, int] = {}
    for name, layer in linear_layers(graphs).items():
        scheme = converter.rules.applied(precision.scheme_of(name), in_features=layer.in_features)
        part = PART.match(name)
        assert part is not None
        found[part[0]] = found.get(part[0], 0) + layer.weight.numel() * BITS[scheme] // 8
    return found


def _macs(graphs: tuple[DeviceGraph, ...], executed: NDArray[np.float64]) -> float:
    """Of one history: `adapt`, and each block as often as it is executed."""
    adapt, *blocks, _ = graphs
    counts = []
    for graph in (adapt, *blocks):
        with FlopCounterMode(display=False) as counter:
            graph.module(*sample_inputs(graph.spec))
        # PyTorch counts the multiplication and the addition apart.
        counts.append(counter.get_total_flops() / 2)
    return float(counts[0] + sum(share * count for share, count in zip(executed, counts[1:], strict=True)))
