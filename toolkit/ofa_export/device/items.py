"""The items that a device can look up: those of its bundle and, for a session, those of a session pack.

Rows 0..V-1 are the bundle's. An item of the pack that the bundle has too keeps its row, and its embedding comes from
the pack, which has every bit plane of it. The other items of the pack get the rows V, V+1, ... in the pack's order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ofa_export.bundle.items import ItemCatalogue, KnownHistory
from ofa_export.bundle.session_pack import SessionPack
from ofa_export.bundle.table import ElasticTable, Rows


@dataclass(frozen=True, kw_only=True, eq=False)
class DeviceItems:
    """Items of a bundle, and of a session pack if there is one.

    Args:
        catalogue: keys and titles of the bundle, `[V]`.
        pack: items of the session, checked against the bundle, or None.
    """

    catalogue: ItemCatalogue
    pack: SessionPack | None = None

    def __len__(self) -> int:
        return len(self.catalogue) + len(self._added)

    def key(self, row: int) -> str:
        """Return key of a row."""
        held = len(self.catalogue)
        return self.catalogue.keys[row] if row < held else self._added[row - held][0]

    def title(self, row: int) -> str:
        """Title of a row, "" when nobody gave one."""
        held = len(self.catalogue)
        return self.catalogue.titles[row] if row < held else self._added[row - held][1]

    def row_of(self, key: str) -> int | None:
        """Return row of an item, or None when neither bundle nor pack has it."""
        row = self.catalogue.row_of(key)
        return self._added_rows.get(key) if row is None else row

    def history(self, keys: Sequence[str]) -> KnownHistory:
        """Return rows of a shopper's history; unknown items are left out and listed.

        Args:
            keys: item keys, oldest first.

        Raises:
            HistoryError: no key is given, or none is known.
        """
        rows = {key: row for key in keys if (row := self.row_of(key)) is not None}
        if not rows:
            # Its sentence names the nearest key.
            return self.catalogue.history(keys)
        return KnownHistory(
            rows=tuple(rows[key] for key in keys if key in rows),
            unknown=tuple(key for key in keys if key not in rows),
        )

    @cached_property
    def pack_rows(self) -> NDArray[np.int64]:
        """Row of each item of the pack, `[n]`: the candidates of the session."""
        keys = self.pack.items.keys if self.pack else ()
        return np.array([self.row_of(key) for key in keys], np.int64)

    def from_pack(self, rows: Rows) -> NDArray[np.bool_]:
        """Tell whether the embeddings of some rows come from the pack, `[m]`."""
        return np.isin(np.asarray(rows, np.int64), self.pack_rows)

    def lookup(self, table: ElasticTable, rows: Rows) -> NDArray[np.float32]:
        """Return embeddings of some items.

        Args:
            table: of the bundle, with the tiles that are present.
            rows: item rows, `[m]`, each below the number of items.

        Returns:
            float32 `[m, d]`.

        Raises:
            ConfigError: a row is out of range.
        """
        if self.pack is None:
            return table.lookup(rows)
        wanted = np.asarray(rows, np.int64)
        here = self.from_pack(wanted)
        # Row 0 stands for those of the pack, which are written over: cheaper than to gather the others.
        values = table.lookup(np.where(here, 0, wanted))
        places = np.searchsorted(self.pack_rows, wanted[here], sorter=self._by_row)
        values[here] = self.pack.lookup(self._by_row[places])
        return values

    @cached_property
    def _added(self) -> tuple[tuple[str, str], ...]:
        """Key and title of the items that only the pack has."""
        if self.pack is None:
            return ()
        items = zip(self.pack.items.keys, self.pack.items.titles, strict=True)
        return tuple((key, title) for key, title in items if self.catalogue.row_of(key) is None)

    @cached_property
    def _added_rows(self) -> dict[str, int]:
        return {key: row for row, (key, _) in enumerate(self._added, start=len(self.catalogue))}

    @cached_property
    def _by_row(self) -> NDArray[np.int64]:
        """Places in the pack, by ascending row."""
        return np.argsort(self.pack_rows)
