"""Conversion through the cache: it takes half a minute, and its inputs rarely change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ofa_export.converters.conversion_key import conversion_key
from ofa_export.converters.protocol import Converter
from ofa_export.precision import Precision
from ofa_export.support.content_cache import ContentCache

if TYPE_CHECKING:
    from ofa_export.graphs.device import DeviceGraph


def convert_cached(
    graphs: Sequence[DeviceGraph], *, converter: Converter, precision: Precision, store: ContentCache
) -> bytes:
    """Take the converted graphs from the store, or convert them.

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
