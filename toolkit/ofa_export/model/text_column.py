"""A column of texts that stays in the memory it was read into: a million keys take 8 MB, as Python's own 60."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import polars as pl


class TextColumn(Sequence[str]):
    """Texts, one by one or in slices. Equal to any sequence of the same texts.

    Args:
        texts: a series of text without nulls.
    """

    def __init__(self, texts: pl.Series) -> None:
        self.series = texts

    def __len__(self) -> int:
        return len(self.series)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> TextColumn: ...
    def __getitem__(self, index: int | slice) -> str | TextColumn:
        return TextColumn(self.series[index]) if isinstance(index, slice) else self.series[index]

    def __iter__(self) -> Iterator[str]:
        return iter(self.series)

    def __eq__(self, other: Any) -> bool:
        if isinstance(other, TextColumn):
            return self.series.equals(other.series)
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"TextColumn({self.series.to_list()!r})"
