from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.model.theta import ThetaLayout

names = st.lists(st.tuples(st.uuids().map(str), st.integers(1, 7)), max_size=5, unique_by=lambda pair: pair[0])


@given(linears=names, norms=names, rank=st.integers(1, 4))
def test_split_covers_every_parameter_exactly_once(
    linears: list[tuple[str, int]], norms: list[tuple[str, int]], rank: int
) -> None:
    layout = ThetaLayout(tuple(linears), tuple(norms), rank)
    theta = torch.arange(2 * layout.size, dtype=torch.float32).reshape(2, layout.size)
    parts = layout.split(theta)
    taken = torch.cat([part.reshape(2, -1) for part in parts.values()], dim=1) if parts else theta
    assert taken.tolist() == theta.tolist()


def test_columns_name_the_column_of_every_part_of_u_and_keep_the_rest() -> None:
    layout = ThetaLayout((("query", 2), ("out", 1)), (("norm", 2),), 3)
    parts = layout.split(layout.columns[None].double())
    assert parts["query.up"][0].tolist() == [[0, 1, 2], [0, 1, 2]]
    assert parts["out.up"][0].tolist() == [[0, 1, 2]]
    assert all((parts[name] == 0).all() for name in ("query.bias", "out.bias", "norm.gain"))
    for rank in (1, 2, 3):
        assert int((layout.columns < rank).sum()) == ThetaLayout(layout.linears, layout.norms, rank).size


def test_split_names_and_shapes_every_part() -> None:
    layout = ThetaLayout((("query", 4), ("out", 3)), (("norm", 5),), 2)
    parts = layout.split(torch.zeros(7, layout.size))
    assert {name: tuple(part.shape) for name, part in parts.items()} == {
        "query.up": (7, 4, 2),
        "out.up": (7, 3, 2),
        "query.bias": (7, 4),
        "out.bias": (7, 3),
        "norm.gain": (7, 5),
    }


def test_rows_of_u_lie_behind_each_other() -> None:
    layout = ThetaLayout((("query", 2),), (), 3)
    parts = layout.split(torch.arange(layout.size, dtype=torch.float32)[None])
    assert parts["query.up"][0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert parts["query.bias"][0].tolist() == [6, 7]
