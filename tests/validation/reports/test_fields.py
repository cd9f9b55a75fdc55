from __future__ import annotations

from typing import Any

from ofa_export.reporting.byte_shares import ByteShare
from ofa_export.validation.reports.fields import byte_parts


def parts_of(workshop: Any, contents: Any, *, tiles: int | None = None) -> tuple[int, dict[str, ByteShare]]:
    with workshop.comparison(contents, tiles=tiles) as comparison:
        return comparison.bundle.size, {part.name: part for part in byte_parts(comparison)}


def test_parts_are_the_whole_file_and_what_is_inside_is_the_whole_part(workshop: Any) -> None:
    size, parts = parts_of(workshop, workshop.complete(), tiles=20)
    assert sum(part.bytes for part in parts.values()) == size
    assert [part.bytes for part in parts.values()] == sorted((part.bytes for part in parts.values()), reverse=True)
    planes = {one.name: one.bytes for one in parts["embeddings.bin"].inside}
    # 6 tiles for each plane: three whole planes of 60 items x 2 blocks, and two tiles of the fourth.
    assert [planes[f"bit plane {plane}"] for plane in range(3)] == [120] * 3
    assert 0 < planes["bit plane 3"] < 120
    assert sum(planes.values()) == parts["embeddings.bin"].bytes


def test_graphs_are_divided_by_part_of_the_network_at_the_bundle_s_precision(workshop: Any) -> None:
    inside = {}
    for precision in ("fp32", "int8"):
        _, parts = parts_of(workshop, workshop.complete(precision=precision))
        (graphs,) = (part for name, part in parts.items() if name.startswith("graphs."))
        inside[precision] = {one.name: one.bytes for one in graphs.inside}
    generator = "adapt.mapper.generators.0"
    assert inside["fp32"][generator] == 4 * inside["int8"][generator] > 0
