from __future__ import annotations

from ofa_export.bundle.writer import BundleContents
from ofa_export.planning.quality_curve import MEASURED_PREFIXES, measured_prefixes


def test_the_floor_and_equal_steps_up_to_everything_are_measured(complete: BundleContents) -> None:
    steps = tuple(48 * step // MEASURED_PREFIXES for step in range(1, MEASURED_PREFIXES + 1))
    assert measured_prefixes(complete.table, floor=3) == (3, *steps)
    assert measured_prefixes(complete.table, floor=40) == (40, 42, 48)
