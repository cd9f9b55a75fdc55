"""Conversion through the cache, by a key that covers everything that decides the converted bytes."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ofa_export.converters.protocol import Converter
from ofa_export.precision import Precision
from ofa_export.support.content_cache import ContentCache

if TYPE_CHECKING:
    from ofa_export.graphs.device import DeviceGraph


def convert_cached(
    graphs: Sequence[DeviceGraph], *, converter: Converter, precision: Precision, store: ContentCache
) -> bytes:
    """Return the converted graphs, from the store if they are there.

    Args:
        graphs: the graphs to convert, in order.
        converter: the converter that converts them.
        precision: a scheme for every linear layer.
        store: where conversions are kept.

    Returns:
        What `converter.convert` returns.

    Raises:
        UnknownNameError: the converter does not have a scheme of the precision.
        ConfigError: the precision names a layer that no graph has.
        LoweringError: the converter refused a graph.
    """
    key = conversion_key(graphs, converter=converter, precision=precision)
    return store.get_or_make(f"{key}.graphs", lambda: converter.convert(graphs, precision=precision))


def conversion_key(graphs: Sequence[DeviceGraph], *, converter: Converter, precision: Precision) -> str:
    """Return a digest that differs when the converted bytes may differ.

    It covers the converter, its rules, the precision and the versions of its tools; of each graph the names, shapes and
    order of its tensors; of each module its classes, plain attributes, parameters and buffers (also those that are not
    saved); and the sources next to those classes, the converter, this file and the meaning of a precision, because
    what a module computes is in its code.

    Args:
        graphs: the graphs to convert, in order.
        converter: the converter that would convert them.
        precision: a scheme for every linear layer.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for part in _parts(graphs, converter=converter, precision=precision):
        # Each part with its length, so that no two lists of parts read the same.
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _parts(graphs: Sequence[DeviceGraph], *, converter: Converter, precision: Precision) -> Iterator[bytes]:
    yield repr(
        (
            converter.name,
            precision.text,
            converter.rules,
            sorted(converter.tool_versions().items()),
            sys.version_info[:2],
        )
    ).encode()
    for graph in graphs:
        yield repr(graph.spec).encode()
        for path, module in graph.module.named_modules():
            yield repr((path, type(module).__module__, type(module).__qualname__)).encode()
            for name, value in sorted(_attributes(module).items()):
                yield name.encode()
                yield _tensor_bytes(value) if isinstance(value, Tensor) else repr(value).encode()
    for folder in sorted(_source_folders(graphs, converter)):
        yield from _sources(folder)


def _attributes(module: nn.Module) -> dict[str, Any]:
    # Underscored attributes are torch's own bookkeeping, besides the tensors themselves.
    plain = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    tensors = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    return plain | {f"tensor {name} {value.dtype} {tuple(value.shape)}": value.detach() for name, value in tensors}


def _tensor_bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def _source_folders(graphs: Sequence[DeviceGraph], converter: Converter) -> set[Path]:
    modules = {type(module).__module__ for graph in graphs for module in graph.module.modules()}
    own = {name for name in modules if name.split(".")[0] != "torch"}
    own |= {__name__, Precision.__module__, type(converter).__module__}
    files = {getattr(sys.modules.get(name), "__file__", None) for name in own}
    return {Path(file).parent for file in files if file}


@functools.cache
def _sources(folder: Path) -> tuple[bytes, ...]:
    return tuple(part for file in sorted(folder.glob("*.py")) for part in (os.fsencode(file.name), file.read_bytes()))
