"""The installed converters and the runtimes that they convert for; any distribution adds one with an entry point.

A runtime can have a second converter, whose files the first one loads. Files of both carry the names and shapes of the
same contract, so a bundle names the runtime and not the converter: readers and phones need to know nothing of it. Who
converted stands in the manifest's tools.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from ofa_export.errors import ConfigError, MissingToolError, UnknownNameError

if TYPE_CHECKING:
    # Names are looked up before work starts, and must not take the time that numpy takes to load.
    from ofa_export.converters.protocol import Converter

GROUP = "ofa_export.converters"


def converter_names() -> tuple[str, ...]:
    """Return names of all installed converters, sorted."""
    return tuple(sorted(entry_points(group=GROUP).names))


def get_converter(name: str) -> Converter:
    """Return the converter of a name.

    Args:
        name: one of `converter_names()`.

    Raises:
        UnknownNameError: there is no such converter.
        MissingToolError: it is installed and cannot be imported.
    """
    if name not in converter_names():
        raise UnknownNameError("converter", name, converter_names())
    entry = entry_points(group=GROUP)[name]
    try:
        converter: Converter = entry.load()()
    # Whatever the code of another distribution does when it is imported.
    except Exception as error:
        owner = entry.dist.name if entry.dist else entry.value
        raise MissingToolError(
            f"The converter {name} of the installed package {owner} cannot be loaded from {entry.value} "
            f"({type(error).__name__}: {error}). Repair it with: pip install --upgrade --force-reinstall {owner}, "
            f"or remove it with: pip uninstall {owner}"
        ) from error
    return converter


@dataclass(frozen=True)
class SecondConverter:
    """A further converter of a runtime, and how its files are told from the first converter's.

    Args:
        runtime: that runs its files; also the name of the runtime's first converter.
        tool: a distribution that only this converter uses.
    """

    runtime: str
    tool: str


SECOND_CONVERTERS = {"onnx2tf": SecondConverter("litert", "onnx2tf")}

BOTH = "both"
"""Stands for all runtimes."""


def runtime_names() -> tuple[str, ...]:
    """List the runtimes that have a converter installed, sorted."""
    return tuple(name for name in converter_names() if name not in SECOND_CONVERTERS)


def runtime_of(converter: str) -> str:
    """Name the runtime of a converter."""
    return SECOND_CONVERTERS[converter].runtime if converter in SECOND_CONVERTERS else converter


def converters_for(runtime: str | None, converter: str | None) -> tuple[str, ...]:
    """Name one converter for each runtime that is asked for.

    Args:
        runtime: a runtime, or "both" for all; None for the converter's own, or all where none is named.
        converter: used for its runtime; None uses each runtime's first one.

    Raises:
        UnknownNameError: there is no such runtime or converter.
        ConfigError: the converter is for none of the runtimes.
    """
    if runtime is not None and runtime not in {BOTH, *runtime_names()}:
        raise UnknownNameError("runtime", runtime, {BOTH, *runtime_names()})
    if converter is not None and converter not in converter_names():
        raise UnknownNameError("converter", converter, converter_names())
    if runtime is None:
        runtime = BOTH if converter is None else runtime_of(converter)
    runtimes = runtime_names() if runtime == BOTH else (runtime,)
    if converter is None:
        return runtimes
    if runtime_of(converter) not in runtimes:
        own = runtime_of(converter)
        raise ConfigError(f"The converter {converter} is for {own}: use --runtime {own}, or leave --converter out.")
    return tuple(converter if name == runtime_of(converter) else name for name in runtimes)


def converter_of(runtime: str, tools: Collection[str]) -> str:
    """Name the converter of a bundle.

    Args:
        runtime: as its manifest says.
        tools: names of the tools in its manifest.
    """
    second = (name for name, other in SECOND_CONVERTERS.items() if other.runtime == runtime)
    return next((name for name in second if SECOND_CONVERTERS[name].tool in tools), runtime)


def other_converter(converter: str) -> str:
    """Name the other converter of the same runtime.

    Args:
        converter: one of the two.

    Raises:
        ConfigError: its runtime has one converter only.
    """
    if converter in SECOND_CONVERTERS:
        return SECOND_CONVERTERS[converter].runtime
    for name, second in SECOND_CONVERTERS.items():
        if second.runtime == converter:
            return name
    have = ", ".join(sorted({second.runtime for second in SECOND_CONVERTERS.values()}))
    raise ConfigError(f"There is one converter for {converter} only, so nothing to compare it with; two have: {have}.")
