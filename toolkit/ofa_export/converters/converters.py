"""Backends that are a second converter for a runtime which another backend loads.

Their files carry the names and shapes of the same contract and run on the same runtime, so a bundle names the runtime
and not the converter: readers and phones need to know nothing of it. Who converted stands in the manifest's tools.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ofa_export.converters.registry import backend_names
from ofa_export.errors import ConfigError


@dataclass(frozen=True)
class SecondConverter:
    """What a backend converts for, and how its files are told from the first converter's.

    Args:
        runtime: name of the backend that loads its files.
        tool: a distribution that only this converter uses.
    """

    runtime: str
    tool: str


SECOND_CONVERTERS = {"litert-onnx2tf": SecondConverter("litert", "onnx2tf")}


def runtime_names() -> tuple[str, ...]:
    """Names of all installed backends that are a runtime, sorted: second converters are used by name only."""
    return tuple(name for name in backend_names() if name not in SECOND_CONVERTERS)


def runtime_of(backend: str) -> str:
    """Name of the backend that loads the files of a backend; its own, unless it is a second converter."""
    return SECOND_CONVERTERS[backend].runtime if backend in SECOND_CONVERTERS else backend


def converter_of(runtime: str, tools: Collection[str]) -> str:
    """Name of the backend that converted a bundle.

    Args:
        runtime: as its manifest says.
        tools: names of the tools in its manifest.
    """
    second = (name for name, converter in SECOND_CONVERTERS.items() if converter.runtime == runtime)
    return next((name for name in second if SECOND_CONVERTERS[name].tool in tools), runtime)


def other_converter(backend: str) -> str:
    """Name of the backend that converts for the same runtime as another one does.

    Args:
        backend: one of the two.

    Raises:
        ConfigError: its runtime has one converter only.
    """
    if backend in SECOND_CONVERTERS:
        return SECOND_CONVERTERS[backend].runtime
    for name, converter in SECOND_CONVERTERS.items():
        if converter.runtime == backend:
            return name
    have = ", ".join(sorted({converter.runtime for converter in SECOND_CONVERTERS.values()}))
    raise ConfigError(f"There is one converter for {backend} only, so nothing to compare it with; two have: {have}.")
