"""Precision of the graphs: a scheme for every linear layer, by the name of the layer (no torch here).

A layer is named GRAPH.MODULE_PATH as in the device graphs: `adapt.mapper.generators.0.out`, `block_1.block.linears.key`
and everything in it. Of several names that fit a layer the longest wins; a layer that none fits has the default.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import field_validator, model_serializer, model_validator

from ofa_export.errors import ConfigError, UnknownNameError
from ofa_export.support.frozen_model import FrozenModel

Scheme = Literal["fp32", "int8", "int4"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
"""Finest first."""

ActivationRounding = Literal["range", "symmetric"]
"""Range of int8 activations: from the smallest to the largest of a row, or as far below zero as above."""


class Precision(FrozenModel):
    """A scheme for every linear layer; in YAML `int8`, or `{default: int8, layers: {adapt: int4}}`.

    Args:
        default: scheme of the layers that `layers` does not name, and of matrices that belong to no layer, which int4
            leaves at int8.
        layers: (name, scheme) pairs, sorted: a graph, or a part of one, with all of its layers.
    """

    default: Scheme
    layers: tuple[tuple[str, Scheme], ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"default": value}
        if isinstance(value, Mapping) and isinstance(value.get("layers"), Mapping):
            layers = value["layers"]
            wrong = [f"{name} has {scheme!r}" for name, scheme in layers.items() if scheme not in SCHEMES]
            if wrong:
                raise ValueError(f"a layer has one of {', '.join(SCHEMES)}, but {', '.join(wrong)}")
            return {**value, "layers": tuple(layers.items())}
        return value

    @field_validator("layers")
    @classmethod
    def _sorted(cls, layers: tuple[tuple[str, Scheme], ...]) -> tuple[tuple[str, Scheme], ...]:
        names = [name for name, _ in layers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} named twice")
        return tuple(sorted(layers))

    @model_serializer
    def _to_yaml(self) -> str | dict[str, Any]:
        return {"default": self.default, "layers": dict(self.layers)} if self.layers else self.default

    def scheme_of(self, layer: str) -> Scheme:
        """Return the scheme of a layer, or of everything below a name that is not one.

        Args:
            layer: GRAPH.MODULE_PATH.
        """
        fitting = [(name, scheme) for name, scheme in self.layers if is_part(layer, name)]
        return max(fitting, key=lambda pair: len(pair[0]))[1] if fitting else self.default

    @property
    def base(self) -> Scheme:
        """Scheme of what is no layer: never coarser than int8, because nobody measured what a table loses in int4."""
        return "int8" if self.default == "int4" else self.default

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """All schemes that are named, finest first."""
        named = {self.default, *(scheme for _, scheme in self.layers)}
        return tuple(scheme for scheme in SCHEMES if scheme in named)

    @property
    def name(self) -> str:
        """A short name, as manifests have it: the schemes, finest first, such as `int8` or `int8+int4`."""
        return "+".join(self.schemes)

    @property
    def text(self) -> str:
        """Everything in one line: `int8`, or `int8,adapt=int4,adapt.controller=int8`; `parse_precision` reads it."""
        return ",".join([self.default, *(f"{name}={scheme}" for name, scheme in self.layers)])


FP32 = Precision(default="fp32")
INT8 = Precision(default="int8")
INT4 = Precision(default="int4")


def is_part(layer: str, name: str) -> bool:
    """Tell whether a layer is what a dotted name names, or lies in it."""
    return layer == name or layer.startswith(f"{name}.")


def parse_precision(text: str) -> Precision:
    """Return the precision that `Precision.text` wrote.

    Args:
        text: a scheme, then NAME=SCHEME of the layers that differ, separated by commas.

    Raises:
        ConfigError: it is none, a scheme is unknown, or a layer is named twice.
    """
    default, *layers = text.split(",")
    pairs = [layer.partition("=") for layer in layers]
    for scheme in (default, *(scheme for _, _, scheme in pairs)):
        if scheme not in SCHEMES:
            raise UnknownNameError("precision", scheme, SCHEMES)
    names = [name for name, _, _ in pairs]
    if len(set(names)) < len(names):
        raise ConfigError(f"The precision '{text}' names a layer twice. Give each one scheme.")
    return Precision.model_validate({"default": default, "layers": {name: scheme for name, _, scheme in pairs}})


def check_layers(precision: Precision, layers: Iterable[str]) -> None:
    """Refuse names that no layer has: they would be ignored in silence.

    Args:
        precision: whose layers are checked.
        layers: GRAPH.MODULE_PATH of every linear layer there is.

    Raises:
        ConfigError: a name fits none of them.
    """
    present = tuple(layers)
    for name, _ in precision.layers:
        if not any(is_part(layer, name) for layer in present):
            raise ConfigError(_unknown_layer(name, present))


def _unknown_layer(name: str, layers: tuple[str, ...]) -> str:
    parts = [layer.split(".") for layer in layers]
    names = {".".join(part[:count]) for part in parts for count in range(1, len(part) + 1)}
    near = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    graphs = ", ".join(sorted({part[0] for part in parts})) or "none"
    return f"There is no linear layer '{name}'.{hint} Names start with one of the graphs that have any: {graphs}."


@dataclass(frozen=True, kw_only=True)
class QuantisationRules:
    """Differences between runtimes; int8 weights have a scale per output and activations a range per row in all.

    Args:
        int8_smallest_scale: of int8 weights; outputs with smaller weights than 127 of it lose bits.
        int4_group: inputs that share a scale of int4 weights, which is then bfloat16 on the device; None for one
            float32 scale per output.
        int4_steps: the largest weight of a group in steps of its scale.
        other_matrices: whether matrices of no linear layer, such as RecBole's positions, are stored in the base scheme.
    """

    int8_smallest_scale: float
    int4_group: int | None
    int4_steps: float
    other_matrices: bool

    def applied(self, scheme: Scheme, *, in_features: int) -> Scheme:
        """Return the scheme that a layer gets: int8 in place of int4 where its inputs do not divide into groups.

        Args:
            scheme: the one asked for.
            in_features: inputs of the layer.
        """
        divides = self.int4_group is None or in_features % self.int4_group == 0
        return scheme if scheme != "int4" or divides else "int8"


CHANNELWISE = QuantisationRules(int8_smallest_scale=1e-9 / 127, int4_group=None, int4_steps=7.0, other_matrices=True)
"""LiteRT: litert-quantizer's `dynamic_wi8` and `dynamic_wi4`, computed by XNNPACK."""

GROUPWISE = QuantisationRules(int8_smallest_scale=2**-12, int4_group=32, int4_steps=7.5, other_matrices=False)
"""ExecuTorch: PT2E int8 and torchao int4, computed by XNNPACK."""
