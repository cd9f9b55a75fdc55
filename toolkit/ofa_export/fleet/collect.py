"""A bundle out of a fleet: the file that `bundle` would have written, byte for byte."""

from __future__ import annotations

from pathlib import Path

from ofa_export.bundle import manifest
from ofa_export.bundle.archive import write_archive
from ofa_export.bundle.manifest import Manifest
from ofa_export.errors import FleetError
from ofa_export.fleet.index import FleetBundle
from ofa_export.fleet.store import FleetStore
from ofa_export.support.atomic import atomic_write
from ofa_export.support.output import check_output


def collect(store: FleetStore, bundle: FleetBundle, path: Path, *, force: bool) -> Manifest:
    """Write one bundle of a fleet as a file.

    Args:
        store: the fleet.
        bundle: its line of the index.
        path: the file.
        force: whether an existing file may be replaced.

    Returns:
        Its manifest.

    Raises:
        FleetError: the bundle is not complete, or damaged.
        OutputError: the file cannot be written.
        StoreError: the store does not answer, or refuses.
    """
    check_output(path, force=force)
    found = store.manifest(bundle)
    entries = [(entry.name, store.read_entry(entry)) for entry in found.entries]
    with atomic_write(path, replace=force) as file:
        write_archive(file, [(manifest.ENTRY, found.to_bytes()), *entries])
        if file.tell() > found.budget_bytes:
            raise FleetError(
                f"bundle {bundle.name} has {file.tell():,} bytes, over its budget of {found.budget_bytes:,}."
            )
    return found
