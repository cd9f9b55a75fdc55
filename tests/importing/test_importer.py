"""Tensors that are not those of the format."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ofa_export.errors import CheckpointError, InteractionsError
from ofa_export.importing.imported_net import PADDING
from ofa_export.importing.importer import READERS, source_keys
from ofa_export.importing.source import DEFAULT_HEADS

Tensors = dict[str, Tensor]


def rejection(name: str, tensors: Tensors, heads: int = 2) -> str:
    with pytest.raises(CheckpointError) as caught:
        READERS[name](tensors, heads).config(rank=2, item_groups=4)
    return str(caught.value)


@pytest.fixture
def tensors(source: Any) -> Tensors:
    return dict(source.state_dict())


def test_every_tensor_is_needed(name: str, tensors: Tensors) -> None:
    for missing in tensors:
        message = rejection(name, {key: value for key, value in tensors.items() if key != missing})
        # A layer less is a layer's other tensors too many.
        assert missing in message or "is not known" in message
        assert f"ormat {name}" in message


def test_all_mistakes_are_told_together(name: str, tensors: Tensors) -> None:
    biases = [key for key in tensors if key.endswith("ayerNorm.bias") or key.endswith("layernorm.bias")]
    tensors[biases[0]] = torch.ones(3)
    extra = {"surprise": torch.ones(1)}
    message = rejection(name, tensors | extra)
    assert "float32[3], expected float[16]" in message
    assert "'surprise' is not known" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers(name: str, tensors: Tensors, value: float) -> None:
    for key in tensors:
        broken = {**tensors, key: tensors[key].clone()}
        broken[key].view(-1)[-1] = value
        assert f"'{key}' has values that are NaN or infinite" in rejection(name, broken)


def test_tensors_of_another_format_say_so(name: str, tensors: Tensors) -> None:
    other = "pmixer" if name == "recbole" else "recbole"
    message = rejection(other, tensors)
    assert "Choose the --format" in message


def test_the_first_position_tells_old_from_new(source: Any, name: str) -> None:
    if name == "pmixer":
        assert "give --format pmixer." in rejection("pmixer-norm-last", dict(source.state_dict()))
    elif name != "recbole":
        assert re.search("pmixer-norm-first.*pmixer-norm-last", rejection("pmixer", dict(source.state_dict())))


@pytest.mark.parametrize("rows", [("item_emb.weight",), ("pos_emb.weight",), ("item_emb.weight", "pos_emb.weight")])
def test_rows_of_padding_that_are_not_zero_are_never_dropped_unseen(
    tensors: Tensors, name: str, rows: tuple[str, ...]
) -> None:
    if name == "recbole":
        # It masks padding, and its positions start at 0: no row of it is left out that counts.
        return
    for table in ("item_emb.weight", "pos_emb.weight"):
        tensors[table][0] = 0.1 * (table in rows)
    if name != "pmixer" and "item_emb.weight" in rows:
        # How it is kept: test_scores.
        assert READERS[name](tensors, 2).tensors[PADDING].any()
    elif name == "pmixer" and rows == ("pos_emb.weight",):
        assert PADDING not in READERS[name](tensors, 2).tensors
    elif "pos_emb.weight" in rows:
        message = rejection(name, tensors)
        assert "two explanations" in message
        assert "positions start at 0" in message
        assert re.search("(they|positions) start at 1", message)
    else:
        assert "where positions start at 1" in rejection(name, tensors)


def test_heads_must_divide_the_width(name: str, tensors: Tensors) -> None:
    assert "heads (3) must divide width (16)" in rejection(name, tensors, heads=3)


def test_defaults_are_those_of_the_sources() -> None:
    assert READERS.keys() == DEFAULT_HEADS.keys()
    assert DEFAULT_HEADS == {
        "pmixer": 1,
        "pmixer-unmasked": 1,
        "pmixer-norm-first": 1,
        "pmixer-norm-last": 1,
        "recbole": 2,
    }


def keys(folder: Path, *rows: str, count: int = 3) -> tuple[str, ...]:
    path = folder / "items.csv"
    path.write_text("\n".join(["source_id,item_id", *rows]) + "\n")
    return source_keys(count, path)


def test_without_a_file_keys_are_the_numbers() -> None:
    assert source_keys(3, None) == ("1", "2", "3")


def test_keys_come_in_the_order_of_the_source(tmp_path: Path) -> None:
    assert keys(tmp_path, "10,j", *(f"{number},i{number}" for number in range(1, 10)), count=10)[-2:] == ("i9", "j")
    assert keys(tmp_path, "2,b", "3,c", "1,a", "2,b") == ("a", "b", "c")


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (["0,pad", "1,a", "2,b", "3,c"], "source_id '0' is not a whole number from 1 to 3"),
        (["1,a", "2,b", "4,c"], "source_id '4'"),
        (["1,a", "x,b"], "source_id 'x'"),
        (["1,a", "2,b", "3,a"], "more than one row with item_id 'a'"),
        (["1,a", "1,b", "3,c"], "more than one row with source_id 1"),
        (["1,a", "3,c"], "2 of the source's 3 items; 2 is the first without one"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, rows: list[str], sentence: str) -> None:
    with pytest.raises(InteractionsError, match=sentence):
        keys(tmp_path, *rows)


def test_a_table_that_is_turned_is_told_by_its_shape(tensors: Tensors, name: str) -> None:
    table = "item_embedding.weight" if name == "recbole" else "item_emb.weight"
    message = rejection(name, {**tensors, table: tensors[table].T})
    assert "expected float" in message and "two explanations" not in message
