"""Measurement of where a bundle's NDCG@10 goes, layer by layer, on all validation histories: `validate --attribute`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from torch import Tensor, nn

from ofa_export.converters.protocol import Converter
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.fake_quantised import QuantisedLinear, device_layer, fake_quantised
from ofa_export.model.network import Adaptation, AdaptiveRecommender
from ofa_export.model.reductions.fewer_items import answerable
from ofa_export.planning.configuration_worth import BITS
from ofa_export.precision import Precision, Scheme, is_part
from ofa_export.ranking.metrics import interval, ndcg_at_10
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.layers.attribution import EVERYTHING, Attribution, LayerGain, Loss, attribution, kept_at
from ofa_export.validation.sessions import VALUES_AT_ONCE

BATCH = 256
"""Histories of one pass, fewer where the catalogue is large."""

GROUP_DEPTH = 3
"""Steps of the longest name of a group: `adapt.mapper.generators`, not each of them."""

PerUser = NDArray[np.float64]


def measure_attribution(comparison: Comparison) -> Attribution:
    """Measure what each step from the trained network to the bundle costs, and what each layer kept finer brings back.

    Args:
        comparison: with a bundle that fits its checkpoint. Its store keeps the result, which takes a second or two for
            each layer.

    Raises:
        ConfigError: the checkpoint has fewer than two validation histories.
    """
    manifest, converter = comparison.manifest, comparison.converter
    table = torch.from_numpy(comparison.bundle.table.all_rows())
    adapter = TypeAdapter(Attribution)

    inputs = [comparison.trained.sha256, manifest.group, manifest.recipe, converter.name, repr(converter.rules)]
    content = comparison.store.get(
        "attribution",
        [*inputs, table.numpy().tobytes()],
        lambda: adapter.dump_json(_measured(comparison, table)),
        made_with=[converter],
    )
    return adapter.validate_json(content)


def _measured(comparison: Comparison, tiles: Tensor) -> Attribution:
    whole, cut, precision = comparison.trained, comparison.checkpoint, comparison.recipe.precision
    group = comparison.group
    users = whole.validation.rows_of_group(group)
    trained = _Histories(whole, users, users=len(users)).ndcg(whole.model, whole.table(group))
    histories = _known_histories(whole, cut, users)
    after_cut, after_tiles = (histories.ndcg(cut.model, table) for table in (cut.table(group), tiles))
    layers = _Layers(cut.model, precision, comparison.converter)
    adaptations = list(histories.adaptations(layers.model, tiles))
    rounded = histories.ndcg(layers.model, tiles, adaptations)
    return attribution(
        trained=float(trained.mean()),
        losses=(
            Loss(step="cut", ndcg_at_10=float(after_cut.mean()), cost=interval(trained - after_cut)),
            Loss(step="tiles", ndcg_at_10=float(after_tiles.mean()), cost=interval(after_cut - after_tiles)),
            Loss(step="precision", ndcg_at_10=float(rounded.mean()), cost=interval(after_tiles - rounded)),
        ),
        gains=tuple(_gains(layers, histories, tiles, adaptations, rounded)),
        precision=precision,
    )


def _gains(
    layers: _Layers, validation: _Histories, tiles: Tensor, adaptations: list[Adaptation], rounded: PerUser
) -> Iterator[LayerGain]:
    for name, scheme in layers.choices():
        changed = layers.changed(name, scheme)
        # Without a change in `adapt` its outputs are the ones before.
        kept = None if any(is_part(layer, "adapt") for layer in changed) else adaptations
        with layers.at(changed):
            found = validation.ndcg(layers.model, tiles, kept)
        yield LayerGain(
            layer=name,
            layers=len(changed),
            scheme=scheme,
            ndcg_at_10=float(found.mean()),
            gain=interval(found - rounded),
            extra_bytes=layers.extra_bytes(changed),
        )


def _known_histories(trained: Checkpoint, cut: Checkpoint, users: NDArray[np.intp]) -> _Histories:
    """Find users in a checkpoint with fewer items: those whose history or answer it does not have count as missed.

    Args:
        trained: with all items.
        cut: with the first of them, and the validation histories that are left.
        users: rows of the validation set of `trained`.
    """
    known = answerable(trained.validation, cut.config.model.items)
    places = np.flatnonzero(known[users])
    return _Histories(cut, np.cumsum(known)[users[places]] - 1, users=len(users), places=places)


class _Histories:
    """Validation histories of users, some of whom may count as missed.

    Args:
        checkpoint: has the histories.
        rows: of the users in its validation set, those who are missed left out.
        users: how many there are.
        places: of `rows` among all users; None when nobody is missed.
    """

    def __init__(
        self, checkpoint: Checkpoint, rows: NDArray[np.intp], *, users: int, places: NDArray[np.intp] | None = None
    ) -> None:
        self.users, self.places = users, np.arange(users) if places is None else places
        self.histories, self.targets = checkpoint.validation.histories[rows], checkpoint.validation.targets[rows]
        self.excluded = checkpoint.config.data.exclude_history
        self.batch = min(BATCH, max(1, VALUES_AT_ONCE // checkpoint.config.model.items))

    @torch.no_grad()
    def adaptations(self, model: AdaptiveRecommender, table: Tensor) -> Iterator[Adaptation]:
        """Adapt to each batch of histories."""
        for _, x, valid in self._batches(model, table):
            yield model.adapt(x, valid)

    @torch.no_grad()
    def ndcg(
        self, model: AdaptiveRecommender, table: Tensor, adaptations: Sequence[Adaptation] | None = None
    ) -> PerUser:
        """Measure NDCG@10 of each user, all items ranked; 0 for those who are missed.

        Args:
            model: the network.
            table: [V, d].
            adaptations: of each batch where they are known.
        """
        found = [np.zeros(0)]
        for number, (part, x, valid) in enumerate(self._batches(model, table)):
            adapted = model.adapt(x, valid) if adaptations is None else adaptations[number]
            states = model.states(model.run_blocks(x, valid, adapted.gates, adapted.thetas))
            scores = (states[:, -1] @ table.T).numpy()
            seen = self.histories[part] if self.excluded else None
            found.append(ndcg_at_10(scores, self.targets[part], history=seen))
        of_users = np.zeros(self.users)
        of_users[self.places] = np.concatenate(found)
        return of_users

    def _batches(self, model: AdaptiveRecommender, table: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
        for start in range(0, len(self.histories), self.batch):
            part = slice(start, start + self.batch)
            rows = torch.from_numpy(self.histories[part].astype(np.int64))
            yield part, *model.embed_rows(table, rows)


@dataclass(frozen=True)
class _Layer:
    """A linear layer of the trained network: its place, and its scheme in the bundle."""

    path: str
    linear: nn.Linear
    scheme: Scheme


class _Layers:
    """A network that rounds as the bundle's; its layers can be put to another scheme for a while."""

    def __init__(self, model: AdaptiveRecommender, precision: Precision, converter: Converter) -> None:
        self.model = fake_quantised(model, precision, converter=converter)
        self.precision, self.rules = precision, converter.rules
        found = ((path, part) for path, part in model.named_modules() if isinstance(part, nn.Linear))
        linears = {device_layer(path): (path, part) for path, part in found}
        self.layers = {
            name: _Layer(path, linear, self.rules.applied(precision.scheme_of(name), in_features=linear.in_features))
            for name, (path, linear) in linears.items()
        }

    def choices(self) -> Iterator[tuple[str, Scheme]]:
        """List every layer and group with every finer scheme that changes it."""
        for name, members in self._groups().items():
            present = {self.layers[layer].scheme for layer in members}
            if "int4" in present and "fp32" not in present:
                yield name, "int8"
            if present != {"fp32"}:
                yield name, "fp32"

    def changed(self, name: str, scheme: Scheme) -> dict[str, Scheme]:
        """Find the layers of a layer or group that get another scheme when it is kept at one, and that scheme."""
        precision = kept_at(self.precision, name, scheme)
        applied = {
            layer: self.rules.applied(precision.scheme_of(layer), in_features=one.linear.in_features)
            for layer, one in self.layers.items()
        }
        return {layer: given for layer, given in applied.items() if given != self.layers[layer].scheme}

    def extra_bytes(self, changed: Mapping[str, Scheme]) -> int:
        """Count the bytes that the weights need more; scales come on top."""
        return sum(
            self.layers[layer].linear.weight.numel() * (BITS[scheme] - BITS[self.layers[layer].scheme]) // 8
            for layer, scheme in changed.items()
        )

    @contextmanager
    def at(self, changed: Mapping[str, Scheme]) -> Iterator[None]:
        """Put layers to other schemes, and back."""
        try:
            for layer, scheme in changed.items():
                self._put(self.layers[layer], scheme)
            yield
        finally:
            for layer in changed:
                self._put(self.layers[layer], self.layers[layer].scheme)

    def _put(self, layer: _Layer, scheme: Scheme) -> None:
        rounded = layer.linear if scheme == "fp32" else QuantisedLinear(layer.linear, scheme, self.rules)
        self.model.set_submodule(layer.path, rounded)

    def _groups(self) -> dict[str, tuple[str, ...]]:
        """Name -> layers in it; of several names for the same layers the shortest."""
        found: dict[tuple[str, ...], str] = {(layer,): layer for layer in self.layers}
        for depth in range(1, GROUP_DEPTH + 1):
            names = dict.fromkeys(".".join(layer.split(".")[:depth]) for layer in self.layers)
            for name in names:
                found.setdefault(tuple(layer for layer in self.layers if is_part(layer, name)), name)
        found[tuple(self.layers)] = EVERYTHING
        return {name: members for members, name in found.items()}
