from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ofa_export.cli.render.columns import GAP, columns

WORD = st.text(st.characters(categories=["L", "N", "P"]), max_size=200)


def test_numbers_stand_under_each_other_and_text_starts_together() -> None:
    rows = [("part", "bytes", "note"), ("graphs", "1,234", "x"), ("e", "9", "")]
    assert columns(rows, align="<><") == ["part    bytes  note", "graphs  1,234  x", "e           9"]


@given(st.lists(st.tuples(WORD, WORD, WORD), min_size=1, max_size=6))
def test_no_value_is_wrapped_or_cut_and_no_line_ends_with_blanks(rows: list[tuple[str, str, str]]) -> None:
    lines = columns(rows, align="<><")
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        assert line == line.rstrip()
        assert all(cell in line for cell in row)
        assert len(line) <= sum(max(map(len, cells)) for cells in zip(*rows, strict=True)) + 2 * len(GAP)
