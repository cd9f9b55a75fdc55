from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ofa_export.data.tables import read_columns
from ofa_export.errors import InteractionsError

HEADER = "user_id,item_id,timestamp\n"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "shop.csv"


def refusal(path: Path) -> str:
    with pytest.raises(InteractionsError) as caught:
        read_columns(path, ("user_id", "item_id", "timestamp"))
    message = str(caught.value)
    assert str(path) in message
    return message


def test_columns_come_in_the_order_asked_for_and_others_are_ignored(csv: Path) -> None:
    csv.write_text("rating,timestamp,item_id,user_id\n5,10,i,u\n")
    table = read_columns(csv, ("user_id", "item_id", "timestamp"))
    assert table.columns == ["user_id", "item_id", "timestamp"]
    assert table.rows() == [("u", "i", "10")]


def test_ids_that_look_like_numbers_keep_their_leading_zeros(csv: Path) -> None:
    csv.write_text(HEADER + "007,00042,1\n")
    assert read_columns(csv, ("user_id", "item_id")).rows() == [("007", "00042")]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(csv: Path) -> None:
    csv.write_bytes(b"\xef\xbb\xbfuser_id,item_id,timestamp\r\nu,i,1\r\n")
    assert read_columns(csv, ("user_id", "timestamp")).rows() == [("u", "1")]


def test_brackets_in_a_file_name_are_not_a_pattern(tmp_path: Path) -> None:
    path = tmp_path / "shop[1].csv"
    path.write_text(HEADER + "u,i,1\n")
    assert read_columns(path, ("user_id",)).height == 1


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_missing_file_is_named(tmp_path: Path, suffix: str) -> None:
    assert "no file" in refusal(tmp_path / f"nowhere.{suffix}")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "shop.csv"
    folder.mkdir()
    assert "is a folder" in refusal(folder)


def test_another_file_type_is_refused_with_the_types_that_work(tmp_path: Path) -> None:
    path = tmp_path / "shop.xlsx"
    path.write_bytes(b"PK")
    message = refusal(path)
    assert "'.xlsx'" in message and ".csv or .parquet" in message


@pytest.mark.parametrize("content", [b"", b"\n\n\n"])
def test_an_empty_file_is_refused(csv: Path, content: bytes) -> None:
    csv.write_bytes(content)
    assert "is empty" in refusal(csv)


def test_missing_columns_list_what_was_found_and_suggest_near_names(csv: Path) -> None:
    csv.write_text("userId,movieId,rating,timestamp\n1,2,3,4\n")
    message = refusal(csv)
    assert "no column user_id, item_id" in message
    assert "'userId', 'movieId', 'rating', 'timestamp'" in message
    assert "rename 'userId' to 'user_id', rename 'movieId' to 'item_id'" in message


def test_a_misspelt_column_is_recognised(csv: Path) -> None:
    csv.write_text("usr_id,item_id,timestamp\n1,2,3\n")
    assert "rename 'usr_id' to 'user_id'" in refusal(csv)


def test_unrelated_columns_are_not_suggested(csv: Path) -> None:
    csv.write_text("alpha,beta\n1,2\n")
    message = refusal(csv)
    assert "rename" not in message and "must name the columns user_id, item_id, timestamp" in message


def test_a_column_that_is_there_twice_is_refused(csv: Path) -> None:
    csv.write_text("user_id,user_id,item_id,timestamp\n1,2,3,4\n")
    assert "more than one column user_id" in refusal(csv)


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_another_separator_is_recognised(csv: Path, mark: str) -> None:
    csv.write_text(mark.join(["user_id", "item_id", "timestamp"]) + "\n" + mark.join("abc"))
    assert f"separated by {mark!r}" in refusal(csv)


@pytest.mark.parametrize(
    "content",
    [HEADER.encode() + b"caf\xe9,i,1\nb,i,2\n", HEADER.encode("utf-16"), "user_id,größe\n".encode("latin-1")],
    ids=["latin-1 row", "utf-16", "latin-1 header"],
)
def test_text_that_is_not_utf_8_is_refused(csv: Path, content: bytes) -> None:
    csv.write_bytes(content)
    assert "not UTF-8" in refusal(csv)


@pytest.mark.parametrize("rows", ["a,b,1,too many\n", '"a,b,1\nc,d,2\n'], ids=["ragged", "open quote"])
def test_a_broken_csv_is_refused_with_what_to_look_for(csv: Path, rows: str) -> None:
    csv.write_text(HEADER + rows)
    message = refusal(csv)
    assert "cannot be read as CSV" in message and "quote" in message
    assert "infer_schema_length" not in message


@pytest.mark.parametrize("content", [b"", b"hello, I am no Parquet file", b"PAR1xxxxxxxxPAR1"])
def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "shop.parquet"
    path.write_bytes(content)
    assert "cannot be read as Parquet" in refusal(path)


def test_every_truncation_of_a_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    pl.DataFrame({"user_id": ["a"], "item_id": ["b"], "timestamp": [1]}).write_parquet(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 13):
        path.write_bytes(whole[:length])
        assert "cannot be read as Parquet" in refusal(path)
