"""Quality that the manifest expects of a bundle, and of the same bundle within other budgets."""

from __future__ import annotations

from dataclasses import dataclass

from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.tile_order import prefix_bytes


@dataclass(frozen=True, kw_only=True)
class QualityPoint:
    """A measured number of tiles.

    Args:
        tiles: the first so many of the order.
        file_bytes: size of the whole file with them and everything else as in this bundle, up to some bytes of padding.
        ndcg_at_10: NDCG@10 of the PyTorch reference with them.
    """

    tiles: int
    file_bytes: int
    ndcg_at_10: float


@dataclass(frozen=True, kw_only=True)
class ExpectedQuality:
    """NDCG@10 against bytes, as it was measured when the bundle was made.

    Args:
        points: fewest tiles first.
        expected: of this bundle: the value of the largest measured number of tiles that it keeps; None below the first.
        full_table: with the unquantised item table.
        users: people whose validation histories all were measured on; 0 where the checkpoint keeps nobody's.
    """

    points: tuple[QualityPoint, ...]
    expected: float | None
    full_table: float
    users: int


def expected_quality(bundle: Bundle) -> ExpectedQuality:
    """Read the qualities of a manifest, and add the sizes of the files.

    Args:
        bundle: an open one.
    """
    table, quality = bundle.table, bundle.manifest.quality
    measured, kept = quality.ndcg_at_10, table.tile_count
    # The order names all tiles, so those that are not in this bundle have a size, too.
    starts = prefix_bytes(table.order, table.group_sizes)
    expected = measured.expected(kept)
    return ExpectedQuality(
        points=tuple(
            QualityPoint(
                tiles=each.tiles,
                file_bytes=bundle.size + int(starts[each.tiles] - starts[kept]),
                ndcg_at_10=float(each.ndcg_at_10),
            )
            for each in measured.by_tiles
            if each.tiles < len(starts)
        ),
        expected=None if expected is None else float(expected),
        full_table=float(measured.full_table),
        users=quality.users,
    )
