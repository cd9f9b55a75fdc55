"""Squarified treemaps: areas that are as near to squares as filling a rectangle row by row allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rectangle:
    """A part of the plane.

    Args:
        x: left edge.
        y: upper edge.
        width: to the right.
        height: downwards.
    """

    x: float
    y: float
    width: float
    height: float

    def inner(self, *, top: float, border: float) -> Rectangle:
        """Return what is left inside a border and a strip at the top; nothing where there is no room for them."""
        return Rectangle(
            x=self.x + border,
            y=self.y + top,
            width=max(0.0, self.width - 2 * border),
            height=max(0.0, self.height - top - border),
        )


def squarified(sizes: Sequence[float], area: Rectangle) -> tuple[Rectangle, ...]:
    """Divide a rectangle in proportion to sizes.

    Args:
        sizes: positive, largest first.
        area: what is divided.

    Returns:
        One rectangle per size, in their order; they fill the area and do not overlap.

    Source:
        Bruls, Huizing, van Wijk: Squarified treemaps (2000).
    """
    total, placed, start, left = sum(sizes), [], 0, area
    while start < len(sizes) and total > 0:
        # Values per unit of area change with what is left, their ratios do not.
        scale = left.width * left.height / total
        side = min(left.width, left.height)
        end = start + 1
        while end < len(sizes) and _worst(sizes[start : end + 1], scale, side) <= _worst(sizes[start:end], scale, side):
            end += 1
        row, left = _row(sizes[start:end], left, share=sum(sizes[start:end]) / total)
        placed += row
        total -= sum(sizes[start:end])
        start = end
    return tuple(placed)


def _worst(row: Sequence[float], scale: float, side: float) -> float:
    """Return the largest ratio of sides in a row of so much area along a side."""
    length = sum(row) * scale / side if side else 0.0
    if not length:
        return float("inf")
    return max(max(length / breadth, breadth / length) for breadth in (size * scale / length for size in row))


def _row(row: Sequence[float], area: Rectangle, *, share: float) -> tuple[list[Rectangle], Rectangle]:
    """Lay a row along the shorter side; returns its rectangles and what is left."""
    upright = area.width >= area.height
    thickness = share * (area.width if upright else area.height)
    length, at, made = (area.height if upright else area.width), 0.0, []
    for size in row:
        part = length * size / sum(row)
        made.append(
            Rectangle(x=area.x, y=area.y + at, width=thickness, height=part)
            if upright
            else Rectangle(x=area.x + at, y=area.y, width=part, height=thickness)
        )
        at += part
    rest = (
        Rectangle(x=area.x + thickness, y=area.y, width=max(0.0, area.width - thickness), height=area.height)
        if upright
        else Rectangle(x=area.x, y=area.y + thickness, width=area.width, height=max(0.0, area.height - thickness))
    )
    return made, rest
