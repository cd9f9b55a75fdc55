"""Opening a bundle: nothing in it is used before everything in it has been checked.

In order: the archive's structure and CRCs (`archive_reader`), the manifest, its list of entries against the archive,
every SHA-256, the budget, then each entry against the manifest. The file stays mapped; tables are views of the map.
"""

from __future__ import annotations

import hashlib
import mmap
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from ofa_export.bundle import embeddings, items, manifest, selftest
from ofa_export.bundle.archive_reader import read_archive
from ofa_export.bundle.items import ItemCatalogue
from ofa_export.bundle.manifest import Manifest
from ofa_export.bundle.selftest import SelfTest
from ofa_export.bundle.table import ElasticTable
from ofa_export.errors import BundleError, ConfigError

MODEL_CARD = "MODEL_CARD.md"


class Bundle:
    """A checked bundle. Use it as a context manager, or call `close`.

    Args:
        data: the whole file, mapped or in memory.

    Raises:
        BundleError: any part of it is not what this format says; the error names the entry.
    """

    manifest: Manifest
    table: ElasticTable
    items: ItemCatalogue
    selftest: SelfTest
    model_card: str
    graphs: memoryview
    size: int

    def __init__(self, data: memoryview) -> None:
        self._map: mmap.mmap | None = None
        self.size = len(data)
        entries = read_archive(data)
        if next(iter(entries)) != manifest.ENTRY:
            raise BundleError(f"the first entry is not {manifest.ENTRY}.", entry=next(iter(entries)))
        self.manifest = Manifest.from_bytes(entries.pop(manifest.ENTRY))
        self._check_entries(entries)
        layout = self.manifest.embeddings
        self.graphs = entries[self.manifest.entries[0].name]
        self.table = embeddings.table_from_bytes(entries[embeddings.ENTRY], layout)
        self.items = ItemCatalogue.from_bytes(entries[items.ENTRY], items=layout.items)
        self.selftest = SelfTest.from_bytes(entries[selftest.ENTRY], self.manifest.shapes, items=layout.items)
        if self.selftest.cases != self.manifest.selftest.cases:
            raise BundleError(f"it has {self.selftest.cases} cases, the manifest says otherwise.", entry=selftest.ENTRY)
        try:
            self.model_card = bytes(entries[MODEL_CARD]).decode()
        except UnicodeDecodeError as error:
            raise BundleError(f"it is not UTF-8 ({error.reason}).", entry=MODEL_CARD) from error

    @classmethod
    def open(cls, path: Path | str) -> Bundle:
        """Map and check a bundle file.

        Raises:
            ConfigError: there is no such file, or it cannot be read.
            BundleError: it is not a bundle that can be trusted.
        """
        try:
            with Path(path).open("rb") as file:
                if not file.seek(0, 2):
                    raise BundleError(f"{path} is empty.")
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise ConfigError(
                f"The bundle {path} cannot be read: {error.strerror or error}. Check the path."
            ) from error
        bundle = cls(memoryview(mapped))
        bundle._map = mapped
        return bundle

    def close(self) -> None:
        """Give the file back. Tables and graphs taken from the bundle keep the map alive until they are gone too."""
        self.__dict__.pop("table", None)
        self.__dict__.pop("graphs", None)
        if self._map is not None:
            with suppress(BufferError):
                self._map.close()
            self._map = None

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_entries(self, entries: dict[str, memoryview]) -> None:
        listed = [entry.name for entry in self.manifest.entries]
        for name in entries:
            if name not in listed:
                raise BundleError("the manifest does not list it.", entry=name)
        for entry in self.manifest.entries:
            if entry.name not in entries:
                raise BundleError("the manifest lists it, but it is missing.", entry=entry.name)
            data = entries[entry.name]
            if len(data) != entry.bytes:
                raise BundleError(f"it has {len(data):,} bytes, the manifest says {entry.bytes:,}.", entry=entry.name)
            if hashlib.sha256(data).hexdigest() != entry.sha256:
                raise BundleError("its SHA-256 is not the one in the manifest.", entry=entry.name)
        if list(entries) != listed:
            raise BundleError(f"the entries are not in the manifest's order: {', '.join(entries)}.")
        if self.size > self.manifest.budget_bytes:
            raise BundleError(
                f"the file has {self.size:,} bytes, over its own budget of {self.manifest.budget_bytes:,}.",
                entry=manifest.ENTRY,
            )
