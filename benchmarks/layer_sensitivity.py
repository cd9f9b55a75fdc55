"""Sensitivity of linear layers to a coarser scheme: each alone, on the checkpoint's validation histories."""

from __future__ import annotations

import hashlib
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
from ofa_export.ranking.metrics import ndcg, target_ranks
from ofa_export.ranking.scoring import score_histories
from ofa_export.support.content_cache import ContentCache, source_digest


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
        snr_db: of the scores of all items against the float reference, over histories with the same gates, in decibels.
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
    rules = converter.rules
    described = json.dumps([checkpoint.sha256, group, converter.name, repr(rules), scheme, base.text])
    digest = hashlib.sha256(source_digest() + described.encode()).hexdigest()

    def measure() -> bytes:
        measured = _measure(checkpoint, group=group, converter=converter, scheme=scheme, base=base)
        return json.dumps([asdict(entry) for entry in measured]).encode()

    # A checkpoint that was never saved has no digest to be known by.
    content = store.get_or_make(f"{digest}.sensitivity", measure) if checkpoint.sha256 else measure()
    return tuple(LayerSensitivity(**entry) for entry in json.loads(content))


def _measure(
    checkpoint: Checkpoint, *, group: int, converter: NamedRules, scheme: Scheme, base: Precision
) -> Sequence[LayerSensitivity]:
    chosen = checkpoint.validation.of_group(group)
    histories, targets = checkpoint.validation.histories[chosen], checkpoint.validation.targets[chosen]
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
            ndcg_at_10=float(ndcg(target_ranks(scores, targets, history=seen), 10).mean()),
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
    # Without a history or without noise there is nothing to measure; JSON has no infinity.
    return float(10 * np.log10(signal / noise)) if signal and noise else 300.0
