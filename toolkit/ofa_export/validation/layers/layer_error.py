"""Errors of single layers of a graph: all of each, the part that the layer adds, and the part that rounding explains.

Three PyTorch passes are held against the device: the float reference; the float layers, each fed the outputs that the
layers before it had on the device; and the same with layers that round as their scheme says. Operations between two
layers (softmax, a product, a mask) count for the layer that reads their result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ofa_export.contract import GraphRunner
from ofa_export.graphs.taps import TappedGraph, layer_outputs
from ofa_export.precision import SCHEMES, Scheme, is_part
from ofa_export.support.decibels import decibels
from ofa_export.validation.reference import GATES, Reference, Tensors, run_graphs

AT_ONCE = 32
"""Histories of one step: what all layers of a graph give is held for so many."""


@dataclass(frozen=True, kw_only=True)
class LayerError:
    """One module of one graph, in the worst of all histories; each graph is fed the inputs of the reference.

    Decibels are signal-to-noise ratios as everywhere in a report: the signal is the layer's output in the reference,
    mean over histories, the noise that of the worst history. They are None where the two are equal or the reference is
    zero, and where `max_abs_err` is None too: then a value was NaN or infinite.

    Args:
        graph: such as "adapt".
        layer: GRAPH.MODULE_PATH, such as "adapt.controller.head_in" or "block_0.block.linears.key".
        scheme: of the linear layers in it, finest first: "int8", "int8+int4"; "fp32" where it has none.
        max_abs_err: largest absolute difference of its output from the reference's.
        snr_db: of the same difference: everything that has added up since the inputs of the graph.
        own_snr_db: of the error that the layer adds: against the float layer on the inputs that it had on the device.
        unexplained_snr_db: of the error that is left against a layer that rounds as its scheme says, on the same
            inputs: a defect, or a choice of the converter.
    """

    graph: str
    layer: str
    scheme: str
    max_abs_err: float | None
    snr_db: float | None
    own_snr_db: float | None
    unexplained_snr_db: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerRun:
    """The results of one tapped graph on all histories.

    Args:
        errors: of its layers, in the order in which they finish, and of outputs that no layer computes.
        outputs: of the contract, each `[H, ...]`.
    """

    errors: tuple[LayerError, ...]
    outputs: Tensors


def run_layers(
    runner: GraphRunner,
    tapped: TappedGraph,
    inputs: Tensors,
    *,
    exact: nn.Module,
    rounded: nn.Module,
    schemes: Mapping[str, Scheme],
    entry: str,
) -> LayerRun:
    """Run a tapped graph on every history, and compare its layers.

    Args:
        runner: has loaded it.
        tapped: the graph.
        inputs: of the reference, by name, each `[H, ...]`.
        exact: the graph in PyTorch.
        rounded: the same, its linear layers rounding as their schemes say.
        schemes: of every linear layer, by GRAPH.MODULE_PATH.
        entry: the bundle entry that the graph stands for.

    Raises:
        BundleError: the graph returns another shape than it says.
    """
    spec = tapped.graph.spec
    names = _compared(tapped)
    tallies, kept = {name: _Tally() for name in names}, []
    for start in range(0, len(inputs[spec.inputs[0].name]), AT_ONCE):
        part = {name: np.ascontiguousarray(value[start : start + AT_ONCE]) for name, value in inputs.items()}
        given = run_graphs(runner, [spec], Reference(inputs={spec.name: part}, outputs={}), entry=entry)[spec.name]
        expected, own, designed = (
            _computed(tapped, module, part, given if fed else None)
            for module, fed in ((exact, False), (exact, True), (rounded, True))
        )
        for name, output in names.items():
            tallies[name].add(given[output], expected=expected[name], own=own[name], designed=designed[name])
        kept.append(given)
    return LayerRun(
        errors=tuple(
            tally.error(graph=spec.name, layer=f"{spec.name}.{name}", schemes=schemes)
            for name, tally in tallies.items()
        ),
        outputs={name: np.concatenate([each[name] for each in kept]) for name in kept[0]},
    )


def worst_first(errors: Sequence[LayerError]) -> tuple[LayerError, ...]:
    """Sort by what each layer adds itself, the most first: layers that are not finite before all, exact ones last.

    Args:
        errors: of any graphs.
    """
    return tuple(
        sorted(
            errors,
            key=lambda error: (error.max_abs_err is not None, ratio(error.own_snr_db), ratio(error.snr_db)),
        )
    )


def ratio(snr_db: float | None) -> float:
    """Give a ratio of a `LayerError` as a number: infinite where there is no noise."""
    return math.inf if snr_db is None else snr_db


def _compared(tapped: TappedGraph) -> dict[str, str]:
    """Map the name of each layer and rest to the output that holds it; gates are decisions, and compared elsewhere."""
    spec = tapped.graph.spec
    names = {layer.path: layer.output for layer in tapped.layers}
    rest = {tensor.name for tensor in spec.outputs} - set(names.values())
    return names | {
        tensor.name: tensor.name for tensor in spec.outputs if tensor.name in rest and (spec.name, tensor.name) != GATES
    }


@torch.no_grad()
def _computed(
    tapped: TappedGraph, module: nn.Module, inputs: Tensors, given: Tensors | None
) -> dict[str, NDArray[np.float32]]:
    """Compute everything that is compared in PyTorch; with `given`, each layer on outputs of the device's layers."""
    instead = None
    if given is not None:
        instead = {
            layer.index: torch.from_numpy(given[layer.output].reshape(-1, *layer.shape)) for layer in tapped.layers
        }
    with layer_outputs(module, instead=instead) as found:
        outputs = module(*(torch.from_numpy(value) for value in inputs.values()))
    contract: dict[str, Tensor] = dict(
        zip((tensor.name for tensor in tapped.graph.spec.outputs), outputs, strict=False)
    )
    layers = {layer.path: found[layer.index][1] for layer in tapped.layers}
    return {name: tensor.numpy() for name, tensor in (contract | layers).items()}


@dataclass(frozen=True)
class _Tally:
    """Powers and largest differences of one layer, history by history."""

    signal: list[NDArray[np.float64]] = field(default_factory=list)
    abs_err: list[NDArray[np.float64]] = field(default_factory=list)
    noise: list[NDArray[np.float64]] = field(default_factory=list)
    own: list[NDArray[np.float64]] = field(default_factory=list)
    unexplained: list[NDArray[np.float64]] = field(default_factory=list)

    def add(
        self,
        given: NDArray[np.float32],
        *,
        expected: NDArray[np.float32],
        own: NDArray[np.float32],
        designed: NDArray[np.float32],
    ) -> None:
        self.signal.append(_power(expected))
        with np.errstate(invalid="ignore"):
            self.abs_err.append(np.abs(_rows(given) - _rows(expected)).max(axis=1))
            for powers, other in ((self.noise, expected), (self.own, own), (self.unexplained, designed)):
                powers.append(_power(_rows(given) - _rows(other)))

    def error(self, *, graph: str, layer: str, schemes: Mapping[str, Scheme]) -> LayerError:
        largest = float(np.concatenate(self.abs_err).max())
        return LayerError(
            graph=graph,
            layer=layer,
            scheme=_scheme(layer, schemes),
            max_abs_err=largest if np.isfinite(largest) else None,
            snr_db=self._snr_db(self.noise),
            own_snr_db=self._snr_db(self.own),
            unexplained_snr_db=self._snr_db(self.unexplained),
        )

    def _snr_db(self, noise: list[NDArray[np.float64]]) -> float | None:
        """As `deviation` has it: the mean signal of all histories against the noise of the worst."""
        snr_db = float(decibels(np.concatenate(self.signal).mean(), np.concatenate(noise).max()))
        # Infinite where nothing differs, minus infinite where a value is not finite or the reference is zero.
        return snr_db if math.isfinite(snr_db) else None


def _rows(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    return values.reshape(len(values), -1).astype(np.float64)


def _power(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    power: NDArray[np.float64] = np.square(_rows(values)).sum(axis=1)
    return power


def _scheme(layer: str, schemes: Mapping[str, Scheme]) -> str:
    found = {scheme for name, scheme in schemes.items() if is_part(name, layer)}
    return "+".join(scheme for scheme in SCHEMES if scheme in found) or "fp32"
