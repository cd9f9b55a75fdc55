from __future__ import annotations

from typing import Any

import pytest

from ofa_export.bundle.manifest import TilesQuality
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.writer import bundle_bytes
from ofa_export.validation.reports.expected_quality import expected_quality

PADDING = 80
"""The archive's alignment, and digits of the manifest."""


@pytest.mark.parametrize("tiles", [6, 20, 48])
def test_sizes_are_those_of_the_files_with_so_many_tiles(workshop: Any, tiles: int) -> None:
    contents = workshop.complete()
    with Bundle.open(workshop.write(contents, tiles=tiles)) as bundle:
        quality = expected_quality(bundle)
        budget, size, kept = bundle.manifest.budget_bytes, bundle.size, bundle.table.tile_count
    assert len(quality.points) == len(contents.fields.quality.ndcg_at_10.by_tiles) > 2
    for point in quality.points:
        written = bundle_bytes(contents, tiles=point.tiles, budget=budget)
        assert abs(point.file_bytes - written) < PADDING
        assert point.tiles != kept or point.file_bytes == size
    # The same curve from every budget: a small bundle knows what a larger one would give.
    assert [point.tiles for point in quality.points] == [3, 6, 12, 18, 24, 30, 36, 42, 48]


def test_a_bundle_between_two_measured_points_expects_what_the_smaller_one_gives(workshop: Any) -> None:
    with Bundle.open(workshop.write(workshop.complete(), tiles=20)) as bundle:
        quality = expected_quality(bundle)
    (smaller,) = (point for point in quality.points if point.tiles == 18)
    assert quality.expected == smaller.ndcg_at_10
    assert quality.users == 24


def test_numbers_of_tiles_that_the_table_does_not_have_are_left_out(workshop: Any) -> None:
    contents = workshop.complete()
    measured = contents.fields.quality.ndcg_at_10
    odd = measured.model_copy(update={"by_tiles": (*measured.by_tiles, TilesQuality(tiles=2**39, ndcg_at_10="0.5000"))})
    contents.fields.quality.__dict__["ndcg_at_10"] = odd
    with Bundle.open(workshop.write(contents)) as bundle:
        assert max(point.tiles for point in expected_quality(bundle).points) == 48
