from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.reporting.treemap import Rectangle, squarified

AREA = Rectangle(x=3, y=5, width=600, height=400)
SIZES = st.lists(st.integers(1, 10**7), min_size=1, max_size=25).map(lambda sizes: sorted(sizes, reverse=True))


@given(SIZES)
def test_areas_are_in_proportion_and_inside(sizes: list[int]) -> None:
    parts, whole = squarified(sizes, AREA), AREA.width * AREA.height
    assert len(parts) == len(sizes)
    for size, part in zip(sizes, parts, strict=True):
        assert part.width * part.height == pytest.approx(whole * size / sum(sizes), rel=1e-6, abs=1e-9)
        assert part.x >= AREA.x - 1e-6
        assert part.y >= AREA.y - 1e-6
        assert part.x + part.width <= AREA.x + AREA.width + 1e-6
        assert part.y + part.height <= AREA.y + AREA.height + 1e-6


@given(SIZES)
def test_no_two_overlap(sizes: list[int]) -> None:
    parts = squarified(sizes, AREA)
    for index, one in enumerate(parts):
        for other in parts[:index]:
            wide = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
            high = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
            assert min(wide, high) < 1e-6


def test_the_papers_example() -> None:
    area = Rectangle(x=0, y=0, width=6, height=4)
    first, second, third, *_ = squarified([6, 6, 4, 3, 2, 2, 1], area)
    assert first == Rectangle(x=0, y=0, width=3, height=2)
    assert second == Rectangle(x=0, y=2, width=3, height=2)
    assert (third.x, third.y) == (3, 0)
    assert third.width == pytest.approx(12 / 7)
    assert third.height == pytest.approx(7 / 3)


def test_an_area_without_room_has_empty_parts() -> None:
    assert Rectangle(x=0, y=0, width=4, height=4).inner(top=20, border=3).width == 0
    parts = squarified([3, 2], Rectangle(x=0, y=0, width=0, height=0))
    assert [part.width * part.height for part in parts] == [0, 0]
