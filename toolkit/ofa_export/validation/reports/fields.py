"""Fields of a report besides its findings, computed from a comparison: subject, environment and where the bytes go."""

from __future__ import annotations

import platform
from importlib.metadata import version

from ofa_export import __version__
from ofa_export.bundle import embeddings
from ofa_export.converters.protocol import Converter
from ofa_export.planning.configuration_worth import weights
from ofa_export.reporting.byte_shares import ByteShare, plane_bytes, shares
from ofa_export.targets.protocol import Target
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.reports.report import Subject

LIBRARIES = ("numpy", "torch")


def subject(comparison: Comparison) -> Subject:
    """Describe the bundle as its manifest does.

    Args:
        comparison: with any bundle.
    """
    manifest = comparison.manifest
    return Subject(
        model_id=manifest.model_id,
        group=manifest.group,
        converter=comparison.converter.name,
        precision=manifest.precision,
        size_bytes=comparison.bundle.size,
        budget_bytes=manifest.budget_bytes,
        tiles_kept=manifest.embeddings.tiles_kept,
        tiles_total=manifest.embeddings.tiles_total,
    )


def environment(target: Target, *converters: Converter) -> dict[str, str]:
    """List the versions of this computer's software that have a say in the numbers.

    Args:
        target: where the bundle's graphs ran.
        converters: the bundle's first; none when the bundle was rejected before they were known.
    """
    return {
        "ofa-export": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **{name: version(name) for name in LIBRARIES},
        **{name: found for converter in converters for name, found in converter.tool_versions().items()},
        **(target.versions(converters[0]) if converters else {}),
    }


def byte_parts(comparison: Comparison) -> tuple[ByteShare, ...]:
    """Divide the bytes of the file: its entries, bit planes of its tiles, and parts of the network in its graphs.

    Args:
        comparison: with a bundle that fits its checkpoint.

    Returns:
        The largest first.
    """
    manifest, table = comparison.manifest, comparison.bundle.table
    return shares(
        manifest.parts(comparison.bundle.size),
        inside={
            embeddings.ENTRY: plane_bytes(table, table.tile_count),
            manifest.entries[0].name: weights(comparison.graphs, comparison.recipe.precision, comparison.converter),
        },
    )
