"""The session pack `NAME.ofas`: full embeddings of a few items that the cloud sends for one session.

The same archive as a bundle (`archive`), with the entries `session.json`, `candidates.bin` and `items.bin` (`items`).
With n items of width d, N = d / 8 blocks and the G item groups of the checkpoint that occur among the items:

| type | count | content of `candidates.bin` |
| --- | --- | --- |
| float32 | G * N | rms of each group and block, at index g * N + n, finite and not negative |
| float32 | 256 | decoding table of 8 planes, finite, also times any rms |
| uint8 | n * d | the items' codes, row by row |

Rows come in the order of the checkpoint, so items of one group follow each other. A value is table[code] * rms, as in a
bundle that holds every plane: an item scores the same from either. Nothing depends on a bundle's budget or runtime, so
one pack serves all bundles of its checkpoint and user group.

Source: PEEL, the candidate embeddings that the server sends when it recommends; the code is our choice.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ofa_export.bundle import items as item_lists
from ofa_export.bundle.archive import Buffer, archive_bytes
from ofa_export.bundle.codes import BLOCK_WIDTH, PLANES, EncodedTable, products_are_finite
from ofa_export.bundle.document import SCHEMA_VERSION, Entry
from ofa_export.bundle.envelope import read_file
from ofa_export.bundle.items import ItemCatalogue
from ofa_export.bundle.manifest import Manifest
from ofa_export.bundle.session_fields import (
    CANDIDATES,
    MAX_SESSION_ITEMS,
    CandidateLayout,
    SessionFields,
    read_session_fields,
)
from ofa_export.bundle.table import Rows
from ofa_export.errors import BundleError, ConfigError, RejectionCode, SessionPackError, rejected_as

TABLE_VALUES = 2**PLANES


@dataclass(frozen=True, kw_only=True, eq=False)
class SessionPack:
    """A checked session pack.

    Args:
        fields: where its items come from.
        items: their keys and titles, `[n]`.
        rms: scale of each group and block, float32 `[G, N]`.
        table: what the codes stand for, float32 `[256]`.
        codes: uint8 `[n, d]`.
    """

    fields: SessionFields
    items: ItemCatalogue
    rms: NDArray[np.float32]
    table: NDArray[np.float32]
    codes: NDArray[np.uint8]

    @classmethod
    def of_rows(
        cls, encoded: EncodedTable, rows: Rows, items: ItemCatalogue, *, checkpoint_sha256: str, group: str
    ) -> SessionPack:
        """Return the pack of some rows of an item table.

        Args:
            encoded: the complete table of a user group.
            rows: which rows, ascending, each once, `[n]`.
            items: keys and titles of these rows, `[n]`.
            checkpoint_sha256: digest of the checkpoint that the table is from.
            group: the user group.

        Raises:
            ConfigError: the rows are none, too many, not ascending or not in the table, or not as many as the items.
        """
        wanted = _checked_rows(rows, table_items=len(encoded.codes), items=len(items))
        groups = np.searchsorted(np.cumsum(encoded.group_sizes), wanted, side="right")
        used, sizes = np.unique(groups, return_counts=True)
        rms, table, codes = encoded.rms[used], encoded.book.table(PLANES), encoded.codes[wanted]
        contents = {CANDIDATES: _candidates_to_bytes(rms, table, codes), item_lists.ENTRY: items.to_bytes()}
        fields = SessionFields(
            schema_version=SCHEMA_VERSION,
            checkpoint_sha256=checkpoint_sha256,
            group=group,
            candidates=CandidateLayout(items=len(wanted), width=codes.shape[1], group_sizes=tuple(sizes.tolist())),
            entries=tuple(
                Entry(name=name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
                for name, data in contents.items()
            ),
        )
        return cls(fields=fields, items=items, rms=rms, table=table, codes=codes)

    @classmethod
    def open(cls, path: Path | str) -> SessionPack:
        """Read and check a session pack.

        Raises:
            ConfigError: there is no such file, or it cannot be read.
            SessionPackError: it is not a session pack that can be trusted.
        """
        return cls.from_bytes(read_file(path, kind="session pack", rejected=SessionPackError))

    @classmethod
    def from_bytes(cls, data: memoryview) -> SessionPack:
        """Read a session pack as if its sender were hostile.

        Args:
            data: the whole file.

        Returns:
            The pack; its codes are a view of `data`.

        Raises:
            SessionPackError: any part of it is not what this format says; the error names the entry.
        """
        fields, entries = read_session_fields(data)
        with rejected_as(SessionPackError):
            rms, table, codes = _candidates_from_bytes(entries[CANDIDATES], fields.candidates)
            items = ItemCatalogue.from_bytes(entries[item_lists.ENTRY], items=fields.candidates.items)
        return cls(fields=fields, items=items, rms=rms, table=table, codes=codes)

    def __len__(self) -> int:
        return len(self.codes)

    def entries(self) -> list[tuple[str, Buffer]]:
        """Return names and contents of the archive."""
        candidates = _candidates_to_bytes(self.rms, self.table, self.codes)
        return [
            (SessionFields.entry, self.fields.to_bytes()),
            (CANDIDATES, candidates),
            (item_lists.ENTRY, self.items.to_bytes()),
        ]

    @property
    def bytes(self) -> int:
        """Size of the archive."""
        return archive_bytes((name, len(data)) for name, data in self.entries())

    def lookup(self, rows: Rows) -> NDArray[np.float32]:
        """Return embeddings of some items of the pack.

        Args:
            rows: their places in the pack, `[m]`, each in 0..n-1.

        Returns:
            float32 `[m, d]`, bit for bit what a table with every plane gives.
        """
        places = np.asarray(rows, np.int64)
        groups = np.searchsorted(np.cumsum(self.fields.candidates.group_sizes), places, side="right")
        scales = np.repeat(self.rms[groups], BLOCK_WIDTH, axis=1)
        values: NDArray[np.float32] = self.table[self.codes[places]] * scales
        return values

    def check_serves(self, manifest: Manifest) -> None:
        """Refuse a bundle of another checkpoint, user group or width.

        Args:
            manifest: of the bundle.

        Raises:
            SessionPackError: its items mean nothing beside those of this bundle.
        """
        fields = self.fields
        if fields.checkpoint_sha256 != manifest.checkpoint_sha256:
            raise SessionPackError(
                f"its items are of checkpoint {fields.checkpoint_sha256}, the bundle is of checkpoint "
                f"{manifest.checkpoint_sha256}: scores of one mean nothing to the other. Have a pack made from the "
                "bundle's checkpoint (ofa-export session --for BUNDLE).",
                code=RejectionCode.OTHER_CHECKPOINT,
            )
        if fields.group != manifest.group:
            raise SessionPackError(
                f"its items are of user group {fields.group}, the bundle is for user group {manifest.group}: have a "
                f"pack made with --group {manifest.group}.",
                code=RejectionCode.OTHER_GROUP,
            )
        if fields.candidates.width != manifest.embeddings.width:
            raise SessionPackError(
                f"its embeddings are {fields.candidates.width} wide, those of the bundle {manifest.embeddings.width}.",
                code=RejectionCode.OTHER_WIDTH,
                entry=SessionFields.entry,
            )


def _checked_rows(rows: Rows, *, table_items: int, items: int) -> NDArray[np.int64]:
    wanted = np.asarray(rows, np.int64)
    if not 1 <= len(wanted) <= MAX_SESSION_ITEMS:
        raise ConfigError(
            f"A session pack holds 1 to {MAX_SESSION_ITEMS:,} items, not {len(wanted):,}: list the candidates of one "
            "session; a whole catalogue is what a bundle is for."
        )
    if len(wanted) != items:
        raise ConfigError(f"{len(wanted):,} rows and the keys of {items:,} items do not make a session pack.")
    if wanted[0] < 0 or wanted[-1] >= table_items or (np.diff(wanted) < 1).any():
        raise ConfigError(f"The rows of a session pack must ascend within 0..{table_items - 1}.")
    return wanted


def _candidates_to_bytes(rms: NDArray[np.float32], table: NDArray[np.float32], codes: NDArray[np.uint8]) -> bytes:
    return rms.astype("<f4").tobytes() + table.astype("<f4").tobytes() + codes.tobytes()


def _candidates_from_bytes(
    data: memoryview, layout: CandidateLayout
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]:
    groups, blocks = len(layout.group_sizes), layout.width // BLOCK_WIDTH
    head = 4 * (groups * blocks + TABLE_VALUES)
    expected = head + layout.items * layout.width
    if len(data) != expected:
        reason = f"it has {len(data):,} bytes; {layout.items:,} items of this layout need {expected:,}."
        raise _rejected(reason, RejectionCode.TABLE_SIZE)
    values = np.frombuffer(data, "<f4", groups * blocks + TABLE_VALUES)
    rms, table = values[: groups * blocks].reshape(groups, blocks), values[groups * blocks :]
    if not np.isfinite(values).all() or rms.min() < 0:
        raise _rejected("a scale or table value is not finite, or a scale is negative.", RejectionCode.TABLE_VALUES)
    if not products_are_finite(rms, table):
        raise _rejected("a scale times a table value is too large for a float32.", RejectionCode.TABLE_VALUES)
    return rms, table, np.frombuffer(data, np.uint8, offset=head).reshape(layout.items, layout.width)


def _rejected(reason: str, code: RejectionCode) -> BundleError:
    return BundleError(reason, code=code, entry=CANDIDATES)
