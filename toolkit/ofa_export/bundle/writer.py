"""Making a bundle that fits a budget: everything but the tiles is fixed, and all bytes left over go to tiles in order.

The budget is the size of the whole file. Sizes are computed exactly before anything is written, the manifest's own
length included, and grow with every tile, so the largest prefix that fits is found by bisection.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from ofa_export.bundle import embeddings, items, manifest, reader, selftest
from ofa_export.bundle.archive import Buffer, archive_bytes, write_archive
from ofa_export.bundle.document import SCHEMA_VERSION, Entry, decimal_text, first_problem
from ofa_export.bundle.items import ItemCatalogue
from ofa_export.bundle.manifest import Manifest, ManifestFields, SelfTestFields, contract_graphs
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.selftest import SelfTest
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.tile_order import floor_tiles
from ofa_export.errors import BudgetError, ConfigError
from ofa_export.support.atomic import atomic_write
from ofa_export.support.output import check_output


@dataclass(frozen=True, kw_only=True, eq=False)
class BundleContents:
    """Everything that goes into a bundle, with as many tiles as there are.

    Args:
        graph_entry: name of the graphs' entry, `graphs.tflite` or `graphs.pte`.
        graphs: the converted graphs.
        table: the item table with every tile that may be kept.
        items_entry: the content of `items.bin`, for V items.
        selftest: inputs and expected outputs.
        min_snr_db: what the self-test asks of the scores, in decibels.
        model_card: Markdown.
        fields: the manifest's fields that do not follow from the above.

    Raises:
        ConfigError: the parts do not fit together.
        BundleError: `items_entry` is not for V items.
    """

    graph_entry: str
    graphs: Buffer
    table: ElasticTable
    items_entry: Buffer
    selftest: SelfTest
    min_snr_db: float
    model_card: str
    fields: ManifestFields

    def __post_init__(self) -> None:
        if not self.graph_entry.startswith("graphs."):
            raise ConfigError(f"The graphs' entry must be named graphs.*, not {self.graph_entry}.")
        items.check_header(self.items_entry, items=self.table.items)
        if self.table.width != self.fields.shapes.width:
            raise ConfigError(f"The table is {self.table.width} wide, the graphs {self.fields.shapes.width}.")
        self.selftest.check(self.fields.shapes, items=self.table.items)

    @cached_property
    def floor_tiles(self) -> int:
        """Tiles without which an item group would have nothing."""
        return floor_tiles(self.table.order)

    @cached_property
    def items(self) -> ItemCatalogue:
        """Keys and titles, read from their entry."""
        return ItemCatalogue.from_bytes(self.items_entry, items=self.table.items)

    def entries(self, tiles: int) -> list[tuple[str, Buffer]]:
        """Return names and contents after the manifest, with the first `tiles` tiles."""
        table = self.table.with_tiles(tiles)
        return [(name, data if data is not None else embeddings.table_to_bytes(table)) for name, data in self._parts]

    def sizes(self, tiles: int) -> list[tuple[str, int]]:
        """Return names and sizes after the manifest, in bytes, with the first `tiles` tiles."""
        return [
            (name, len(data) if data is not None else embeddings.embeddings_bytes(self.table, tiles))
            for name, data in self._parts
        ]

    @cached_property
    def _parts(self) -> tuple[tuple[str, Buffer | None], ...]:
        """The entries in file order; the one that depends on the budget is None."""
        return (
            (self.graph_entry, self.graphs),
            (embeddings.ENTRY, None),
            (items.ENTRY, self.items_entry),
            (selftest.ENTRY, self.selftest.to_bytes()),
            (reader.MODEL_CARD, self.model_card.encode()),
        )


def contents_of(bundle: Bundle) -> BundleContents:
    """Return the contents of an open bundle, from which smaller ones can be made without a checkpoint."""
    fields = {name: getattr(bundle.manifest, name) for name in ManifestFields.model_fields}
    return BundleContents(
        graph_entry=bundle.manifest.entries[0].name,
        graphs=bundle.graphs,
        table=bundle.table,
        items_entry=bundle.items_entry,
        selftest=bundle.selftest,
        min_snr_db=float(bundle.manifest.selftest.min_snr_db),
        model_card=bundle.model_card,
        fields=ManifestFields(**fields),
    )


def bundle_bytes(contents: BundleContents, *, tiles: int, budget: int) -> int:
    """Exact size in bytes of the bundle with the first `tiles` tiles, whether or not it fits.

    Args:
        contents: what goes in.
        tiles: tiles to keep.
        budget: the budget that the manifest will name, in bytes.
    """
    sizes = contents.sizes(tiles)
    placeholder = "0" * 64
    text = _manifest(contents, tiles, budget, ((name, size, placeholder) for name, size in sizes)).to_bytes()
    return archive_bytes([(manifest.ENTRY, len(text)), *sizes])


def smallest_budget(contents: BundleContents, tiles: int) -> int:
    """Return the smallest budget that holds these tiles; the digits of the budget in the manifest count too."""
    needed = 1
    while (size := bundle_bytes(contents, tiles=tiles, budget=needed)) > needed:
        needed = size
    return needed


def fit_tiles(contents: BundleContents, budget: int, *, ways_out: Callable[[], Iterable[str]] = tuple) -> int:
    """Return the largest number of tiles whose bundle fits a budget.

    Args:
        contents: what goes in.
        budget: size of the whole file, in bytes.
        ways_out: finds sentences for the error, most useful first; not asked when the budget can be met.

    Raises:
        BudgetError: not even the tiles that give every item group something fit.
    """
    fits, too_many = contents.floor_tiles, contents.table.tile_count + 1
    if budget < 1 or bundle_bytes(contents, tiles=fits, budget=budget) > budget:
        needed = smallest_budget(contents, contents.floor_tiles)
        raise BudgetError(needed=needed, available=budget, ways_out=tuple(ways_out()))
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if bundle_bytes(contents, tiles=middle, budget=budget) <= budget:
            fits = middle
        else:
            too_many = middle
    return fits


def write_bundle(path: Path, contents: BundleContents, *, tiles: int, budget: int, force: bool = False) -> Manifest:
    """Write a bundle; it appears under its name only when it is complete and within its budget.

    Args:
        path: the file.
        contents: what goes in.
        tiles: tiles to keep, from `fit_tiles`.
        budget: size that the file must not exceed, in bytes.
        force: whether an existing file may be replaced.

    Returns:
        The manifest that was written.

    Raises:
        ConfigError: `tiles` is fewer than every group needs, or more than there are.
        BudgetError: the file would be larger than the budget.
        OutputError: the file cannot be written.
    """
    check_output(path, force=force)
    entries = bundle_entries(contents, tiles=tiles, budget=budget)
    with atomic_write(path, replace=force) as file:
        write_archive(file, entries)
        if file.tell() > budget:
            raise BudgetError(needed=file.tell(), available=budget, ways_out=("Keep the tiles that fit_tiles finds.",))
    return Manifest.from_bytes(entries[0][1])


def bundle_entries(contents: BundleContents, *, tiles: int, budget: int) -> list[tuple[str, Buffer]]:
    """Return names and contents of everything in a bundle, in file order, the manifest first.

    Args:
        contents: what goes in.
        tiles: tiles to keep, from `fit_tiles`.
        budget: size that the file will not exceed, in bytes.

    Raises:
        ConfigError: `tiles` is fewer than every group needs, or more than there are.
    """
    if not contents.floor_tiles <= tiles <= contents.table.tile_count:
        raise ConfigError(
            f"A bundle of these contents holds {contents.floor_tiles} to {contents.table.tile_count} tiles, "
            f"not {tiles}."
        )
    entries = contents.entries(tiles)
    digests = ((name, len(data), hashlib.sha256(data).hexdigest()) for name, data in entries)
    return [(manifest.ENTRY, _manifest(contents, tiles, budget, digests).to_bytes()), *entries]


def _manifest(contents: BundleContents, tiles: int, budget: int, entries: Iterator[tuple[str, int, str]]) -> Manifest:
    try:
        return Manifest(
            **dict(contents.fields),
            schema_version=SCHEMA_VERSION,
            budget_bytes=budget,
            graphs=contract_graphs(contents.fields.shapes),
            entries=tuple(Entry(name=name, bytes=size, sha256=digest) for name, size, digest in entries),
            embeddings=embeddings.layout_of(contents.table.with_tiles(tiles)),
            selftest=SelfTestFields(min_snr_db=decimal_text(contents.min_snr_db), cases=contents.selftest.cases),
        )
    except ValidationError as error:
        raise ConfigError(f"The manifest of the bundle cannot be made: {first_problem(error)}") from error
