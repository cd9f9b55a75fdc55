from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ofa_export.bundle.reader import Bundle
from ofa_export.converters.registry import get_converter
from ofa_export.graphs.device import device_graphs
from ofa_export.reporting.byte_shares import ByteShare
from ofa_export.validation.reports.byte_parts import byte_parts


def parts_of(workshop: Any, contents: Any, *, tiles: int | None = None) -> tuple[int, dict[str, ByteShare]]:
    graphs = device_graphs(workshop.checkpoint.model, candidates=25)
    with Bundle.open(workshop.write(contents, tiles=tiles)) as bundle:
        found = byte_parts(bundle, graphs, get_converter("torch-program"))
        return bundle.size, {part.name: part for part in found}


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


@pytest.mark.parametrize("recipe", [{}, {"precision": "int5"}, {"precision": "int8", "candidates": "many"}])
def test_a_recipe_that_makes_no_sense_is_not_looked_into(workshop: Any, recipe: dict[str, Any]) -> None:
    contents = workshop.complete()
    fields = contents.fields.model_copy(update={"recipe": json.dumps(recipe)})
    size, parts = parts_of(workshop, replace(contents, fields=fields))
    assert sum(part.bytes for part in parts.values()) == size
    assert not any(part.inside for name, part in parts.items() if name.startswith("graphs."))
