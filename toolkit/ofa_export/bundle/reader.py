"""Opening a bundle: nothing in it is used before everything in it has been checked.

In order: the archive's structure and CRCs (`archive_reader`), the manifest, its list of entries against the archive,
every SHA-256, the budget, then each entry against the manifest. The file is read once; tables are views of its bytes.
Only the text of `items.bin` is checked when the first key or title is asked for: a million of them take a second, and
cutting a bundle to another budget needs none.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import TracebackType

from ofa_export.bundle import embeddings, items, selftest
from ofa_export.bundle.envelope import read_bundle, read_envelope
from ofa_export.bundle.items import ItemCatalogue
from ofa_export.bundle.manifest import Manifest
from ofa_export.bundle.selftest import SelfTest
from ofa_export.bundle.table import ElasticTable
from ofa_export.errors import BundleError, RejectionCode
from ofa_export.support.output import check_output

MODEL_CARD = "MODEL_CARD.md"


class Bundle:
    """A checked bundle. Use it as a context manager, or call `close`.

    Args:
        data: the whole file.

    Raises:
        BundleError: any part of it is not what this format says; the error names the entry.
    """

    manifest: Manifest
    table: ElasticTable
    items_entry: memoryview
    selftest: SelfTest
    model_card: str
    graphs: memoryview
    size: int
    path: Path | None
    """The file that it was opened from."""

    def __init__(self, data: memoryview) -> None:
        self.path = None
        self.size = len(data)
        envelope = read_envelope(data)
        self.manifest, entries = envelope.manifest, envelope.entries
        layout = self.manifest.embeddings
        self.graphs = entries[self.manifest.entries[0].name]
        self.table = embeddings.table_from_bytes(entries[embeddings.ENTRY], layout)
        self.items_entry = entries[items.ENTRY]
        items.check_header(self.items_entry, items=layout.items)
        self.selftest = SelfTest.from_bytes(entries[selftest.ENTRY], self.manifest.shapes, items=layout.items)
        if self.selftest.cases != self.manifest.selftest.cases:
            reason = f"it has {self.selftest.cases} cases, the manifest says otherwise."
            raise BundleError(reason, code=RejectionCode.SELFTEST_TENSORS, entry=selftest.ENTRY)
        try:
            self.model_card = bytes(entries[MODEL_CARD]).decode()
        except UnicodeDecodeError as error:
            reason = f"it is not UTF-8 ({error.reason})."
            raise BundleError(reason, code=RejectionCode.MODEL_CARD, entry=MODEL_CARD) from error

    @classmethod
    def open(cls, path: Path | str) -> Bundle:
        """Read and check a bundle file.

        Raises:
            ConfigError: there is no such file, or it cannot be read.
            BundleError: it is not a bundle that can be trusted.
        """
        bundle = cls(read_bundle(path))
        bundle.path = Path(path)
        return bundle

    @cached_property
    def items(self) -> ItemCatalogue:
        """Keys and titles.

        Raises:
            BundleError: their text is not what the format says.
        """
        return ItemCatalogue.from_bytes(self.items_entry, items=self.manifest.embeddings.items)

    def resize(self, *, budget: int, path: Path | str, force: bool = False) -> Bundle:
        """Write the bundle of a smaller budget, without the checkpoint.

        Args:
            budget: most bytes of the whole file.
            path: the file to write.
            force: whether an existing file may be replaced.

        Returns:
            The bundle that was written, open: the same bytes as planning for that budget gives.

        Raises:
            BudgetError: no bundle of these graphs is that small.
            ConfigError: the budget would keep tiles that this bundle does not have.
            OutputError: the file cannot be written.
        """
        # Imported here: the writer reads bundles.
        from ofa_export.bundle.resize import resized_tiles
        from ofa_export.bundle.writer import contents_of, write_bundle

        check_output(Path(path), force=force)
        contents = contents_of(self)
        write_bundle(Path(path), contents, tiles=resized_tiles(contents, budget), budget=budget, force=force)
        return Bundle.open(path)

    def close(self) -> None:
        """Give the memory back. Tables and graphs taken from the bundle keep it until they are gone too."""
        for view in ("table", "graphs", "items_entry"):
            self.__dict__.pop(view, None)

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
