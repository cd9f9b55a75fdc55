"""Shares of the bytes of a bundle: its entries, bit planes of its tiles, parts of the network in its graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from pydantic import ValidationError

from ofa_export.bundle import embeddings
from ofa_export.bundle.reader import Bundle
from ofa_export.converters.protocol import Converter
from ofa_export.errors import ConfigError
from ofa_export.graphs.device import DeviceGraph
from ofa_export.planning.configuration_worth import weights
from ofa_export.planning.recipe import BundleRecipe
from ofa_export.reporting.byte_shares import ByteShare, plane_bytes, shares


def byte_parts(bundle: Bundle, graphs: Sequence[DeviceGraph], converter: Converter) -> tuple[ByteShare, ...]:
    """List the parts of a bundle, largest first.

    Args:
        bundle: an open one.
        graphs: of its network, before conversion.
        converter: what converted them.
    """
    manifest, table = bundle.manifest, bundle.table
    inside: dict[str, Mapping[str, int]] = {embeddings.ENTRY: plane_bytes(table, table.tile_count)}
    # A recipe that makes no sense is not looked into.
    with suppress(ValidationError, ConfigError):
        precision = BundleRecipe.model_validate_json(manifest.recipe).precision
        inside[manifest.entries[0].name] = weights(graphs, precision, converter)
    return shares(manifest.parts(bundle.size), inside=inside)
