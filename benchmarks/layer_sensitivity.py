"""Sensitivity of linear layers to a coarser scheme: each alone, on the checkpoint's validation histories."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ofa_export.graphs.device import device_graphs
from ofa_export.graphs.layers import linear_layers
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.fake_quantised import fake_quantised
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.precision import INT8, Precision, QuantisationRules, Scheme
from ofa_export.ranking.metrics import ndcg_at_10
from ofa_export.ranking.scoring import score_histories
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.decibels import decibels


class NamedRules(Protocol):
    """A converter, as far as fake quantisation and its cache care."""

    @property
    def name(self) -> str:
        """What the user calls it."""

    @property
    def rules(self) -> QuantisationRules:
        """How it stores and computes quantised layers."""


@dataclass(frozen=True, kw_only=True)
class LayerSensitivity:
    """What a network loses in which one layer alone has the coarser scheme.

    Args:
        layer: GRAPH.MODULE_PATH.
        weights: values of its matrix.
        scheme: what it has; finer than asked for where the runtime cannot do that in this layer.
        ndcg_at_10: of that network, full table, full ranking.
        snr_db: of the scores of all items against the float reference, over histories with the same gates, in decibels;
            infinite without noise.
        flipped: histories for which other blocks run than in the float reference.
    """

    layer: str
    weights: int
    scheme: Scheme
    ndcg_at_10: float
    snr_db: float
    flipped: int


def layer_sensitivity(
    checkpoint: Checkpoint,
    *,
    group: int,
    converter: NamedRules,
    store: ContentCache,
    scheme: Scheme = "int4",
    base: Precision = INT8,
) -> tuple[LayerSensitivity, ...]:
    """Measure every layer on fake-quantised references; about two seconds a layer on a thousand histories.

    Args:
        checkpoint: reference and validation histories.
        group: user group.
        converter: whose rules apply.
        store: keeps the result.
        scheme: what one layer at a time is put to.
        base: of the other layers.

    Returns:
        One entry for each linear layer, the most sensitive (least snr_db) first.
    """

    def measure() -> bytes:
        measured = _measure(checkpoint, group=group, converter=converter, scheme=scheme, base=base)
        return json.dumps([asdict(entry) for entry in measured]).encode()

    inputs = [checkpoint.sha256, group, converter.name, repr(converter.rules), scheme, base.text]
    # A checkpoint that was never saved has no digest to be known by.
    content = store.get("sensitivity", inputs if checkpoint.sha256 else None, measure, made_with=[converter])
    return tuple(LayerSensitivity(**entry) for entry in json.loads(content))


def _measure(
    checkpoint: Checkpoint, *, group: int, converter: NamedRules, scheme: Scheme, base: Precision
) -> Sequence[LayerSensitivity]:
    validation = checkpoint.validation.of_group(group)
    histories, targets = validation.histories, validation.targets
    table = checkpoint.table(group)
    seen = histories if checkpoint.config.data.exclude_history else None

    def run(model: AdaptiveRecommender) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return score_histories(model, model.adapt, table, histories)

    reference, gates = run(checkpoint.model)

    def entry(layer: str, weights: int, in_features: int) -> LayerSensitivity:
        precision = Precision(default=base.default, layers=(*_others(base, layer), (layer, scheme)))
        scores, found = run(fake_quantised(checkpoint.model, precision, converter=converter))
        same = (found == gates).all(axis=1)
        return LayerSensitivity(
            layer=layer,
            weights=weights,
            scheme=converter.rules.applied(scheme, in_features=in_features),
            ndcg_at_10=float(ndcg_at_10(scores, targets, history=seen).mean()),
            snr_db=_snr_db(reference[same], scores[same]),
            flipped=int((~same).sum()),
        )

    layers = linear_layers(device_graphs(checkpoint.model, candidates=1))
    entries = [entry(name, layer.weight.numel(), layer.in_features) for name, layer in layers.items()]
    return sorted(entries, key=lambda entry: (entry.snr_db, entry.layer))


def _others(base: Precision, layer: str) -> tuple[tuple[str, Scheme], ...]:
    return tuple((name, scheme) for name, scheme in base.layers if name != layer)


def _snr_db(reference: NDArray[np.float32], scores: NDArray[np.float32]) -> float:
    signal = np.square(reference, dtype=np.float64).sum()
    noise = np.square(scores - reference, dtype=np.float64).sum()
    return float(decibels(signal, noise))
