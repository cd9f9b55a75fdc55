"""The outside of a bundle: archive, manifest, entries and digests, checked without looking into the entries.

That is all that `inspect` needs, and it needs no numpy, whose import takes longer than everything else together.
"""

from __future__ import annotations

import hashlib
import mmap
from dataclasses import dataclass
from pathlib import Path

from ofa_export.bundle import manifest as manifests
from ofa_export.bundle.archive_reader import read_archive
from ofa_export.bundle.manifest import Manifest
from ofa_export.bundle.mapping import map_file
from ofa_export.errors import BundleError


@dataclass(frozen=True, kw_only=True, eq=False)
class Envelope:
    """A bundle whose structure, manifest and digests hold.

    Args:
        manifest: the manifest.
        entries: name -> content of every other entry, in file order; views of the file.
        size: bytes of the file.
    """

    manifest: Manifest
    entries: dict[str, memoryview]
    size: int


def map_bundle(path: Path | str) -> mmap.mmap:
    """Map a bundle file.

    Args:
        path: the file.

    Returns:
        The map; whoever asked closes it.

    Raises:
        ConfigError: there is no such file, or it cannot be read.
        BundleError: it is empty.
    """
    return map_file(path, kind="bundle", rejected=BundleError)


def read_envelope(data: memoryview) -> Envelope:
    """Check the outside of a bundle.

    Args:
        data: the whole file, mapped or in memory.

    Returns:
        Its manifest and entries.

    Raises:
        BundleError: structure, manifest, list of entries, a digest or the budget is not what this format says.
    """
    entries = read_archive(data)
    if next(iter(entries)) != manifests.ENTRY:
        raise BundleError(f"the first entry is not {manifests.ENTRY}.", entry=next(iter(entries)))
    manifest = Manifest.from_bytes(entries.pop(manifests.ENTRY))
    _check_entries(manifest, entries)
    if len(data) > manifest.budget_bytes:
        raise BundleError(
            f"the file has {len(data):,} bytes, over its own budget of {manifest.budget_bytes:,}.",
            entry=manifests.ENTRY,
        )
    return Envelope(manifest=manifest, entries=entries, size=len(data))


def _check_entries(manifest: Manifest, entries: dict[str, memoryview]) -> None:
    listed = [entry.name for entry in manifest.entries]
    for name in entries:
        if name not in listed:
            raise BundleError("the manifest does not list it.", entry=name)
    for entry in manifest.entries:
        if entry.name not in entries:
            raise BundleError("the manifest lists it, but it is missing.", entry=entry.name)
        data = entries[entry.name]
        if len(data) != entry.bytes:
            raise BundleError(f"it has {len(data):,} bytes, the manifest says {entry.bytes:,}.", entry=entry.name)
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise BundleError("its SHA-256 is not the one in the manifest.", entry=entry.name)
    if list(entries) != listed:
        raise BundleError(f"the entries are not in the manifest's order: {', '.join(entries)}.")
