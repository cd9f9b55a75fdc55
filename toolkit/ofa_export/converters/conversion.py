"""Conversion through the cache, by a key that covers everything that decides the converted bytes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ofa_export.converters.protocol import Converter
from ofa_export.precision import Precision
from ofa_export.support.content_cache import ContentCache, digest_of, source_digest

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
    return store.get("graphs", [key], lambda: converter.convert(graphs, precision=precision))


def conversion_key(graphs: Sequence[DeviceGraph], *, converter: Converter, precision: Precision) -> str:
    """Return a digest that differs when the converted bytes may differ.

    It covers the converter, its rules, the precision and the versions of its tools; of each graph the names, shapes and
    order of its tensors; of each module its classes, plain attributes, parameters and buffers (also those that are not
    saved); and the sources of those classes and of the converter, because what a module computes is in its code.

    Args:
        graphs: the graphs to convert, in order.
        converter: the converter that would convert them.
        precision: a scheme for every linear layer.

    Returns:
        64 hexadecimal digits.
    """
    return digest_of(_parts(graphs, converter=converter, precision=precision))


def _parts(graphs: Sequence[DeviceGraph], *, converter: Converter, precision: Precision) -> Iterator[bytes | str]:
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
    modules = {type(module).__module__ for graph in graphs for module in graph.module.modules()}
    yield source_digest({name for name in modules if name.split(".")[0] != "torch"} | {type(converter).__module__})


def _attributes(module: nn.Module) -> dict[str, Any]:
    # Underscored attributes are torch's own bookkeeping, besides the tensors themselves.
    plain = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    tensors = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    return plain | {f"tensor {name} {value.dtype} {tuple(value.shape)}": value.detach() for name, value in tensors}


def _tensor_bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
