from __future__ import annotations

import gzip
import time
from pathlib import Path

import polars as pl
import pytest
from hostile import HOSTILE, NAME, assert_harmless

from ofa_export.data.tables import open_table, read_columns
from ofa_export.errors import InteractionsError

CASES = Path(__file__).parent / "cases"
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


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\x03\x04 a sheet", "Unpack it, or save the sheet as CSV"),
        (b"\xfd7zXZ\x00", "unxz"),
        (b"[\n{}]", "Write one object per line"),
        (b"<!DOCTYPE html>", "not the page that links to them"),
        (b"{'user_id': 1}\n", "single quotes are Python, not JSON"),
        (b'{"user_id": 1}\n[1]\n', "line 2 is no JSON object"),
        (b"\x1f\x8b\x08 broken", "damaged gzip"),
        (gzip.compress(b"PAR1"), "gunzip"),
        (b"user_id,item_id\0,timestamp\n", "zero bytes"),
        (b'{"user_id": 1, "item_id": 2, "timestamp": 3}\n' * 300 + b'{"user_id": }\n', "one complete JSON object"),
        (gzip.compress(gzip.compress(HEADER.encode() + b"a,x,1\n")), "gzip inside gzip"),
        (b"\xff\xfe" + HEADER.encode("utf-16-le"), "iconv -f utf-16"),
        (b'\xef\xbb\xbf{"user_id": 1, "item_id": 2, "timestamp": 3}\n', "byte order mark"),
        (b'{"user_id": {"id": 1}, "item_id": 2, "timestamp": 3}\n', "is an object or a list in row 1"),
        (b"1::7\x1f::3::978300760\n2::8::3::978300761\n", "cannot be read as CSV"),
    ],
)
def test_another_kind_of_file_is_refused_with_the_way_out(csv: Path, content: bytes, says: str) -> None:
    csv.write_bytes(content)
    assert says in refusal(csv)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (",".join(f"c{number}" for number in range(10**6)).encode() + b"\n1\n", "first line of more than"),
        (b",".join([b"c"] * 20_000) + b"\n1\n", "20,000 columns, and at most 10,000"),
        (gzip.compress(b"a" * 10**7), "first line of more than"),
        (HEADER.encode() + b"a" * 10**7, "a line of more than 1,048,576 bytes"),
        (gzip.compress(b'{"user_id": 1}\n' + b"a" * 10**7), "a line of more than 1,048,576 bytes"),
        (b'"' * (10**6 + 1) + b"\na,b,c\n", "cannot be read as CSV"),
        (HEADER.encode() + b'"' * (10**6 + 1) + b"\na,b,c\n", "cannot be read as CSV"),
    ],
    ids=[
        "a million columns",
        "20,000 columns",
        "a long line",
        "a long row",
        "a long object",
        "quotes in the header",
        "quotes in a row",
    ],
)
def test_absurd_sizes_are_refused_at_once_and_in_few_words(csv: Path, content: bytes, says: str) -> None:
    csv.write_bytes(content)
    begun = time.monotonic()
    message = refusal(csv)
    assert says in message and len(message) < 1000
    assert time.monotonic() - begun < 5


def test_parquet_of_a_million_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.parquet"
    path.write_bytes(b"PAR1" + bytes(4 * 10**7 + 1) + (4 * 10**7).to_bytes(4, "little") + b"PAR1")
    assert "40,000,000 bytes of description" in refusal(path)


def test_old_line_ends_give_a_short_sentence() -> None:
    assert len(message := refusal(CASES / "cr_only.csv")) < 400 and "carriage return" in message


@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"\xef\xbb\xbf", b"\x1f"])
def test_an_empty_file_is_refused(csv: Path, content: bytes) -> None:
    csv.write_bytes(content)
    assert "is empty" in refusal(csv)


def test_missing_columns_list_what_was_found_and_name_the_options(csv: Path) -> None:
    csv.write_text("usr_id,clicked,rating,timestamp\n1,2,3,4\n")
    message = refusal(csv)
    assert "no column user_id, item_id" in message and "'usr_id', 'clicked', 'rating', 'timestamp'" in message
    assert "--user-column and --item-column, perhaps --user-column 'usr_id'" in message


def test_unrelated_columns_are_not_suggested(csv: Path) -> None:
    csv.write_text("alpha,beta\nx,y\n")
    assert "perhaps" not in refusal(csv)


def test_two_columns_that_may_be_the_user_are_a_question(csv: Path) -> None:
    csv.write_text("User ID,userId,item_id,timestamp\n1,2,3,4\n")
    assert "'User ID' or 'userId'" in refusal(csv)
    csv.write_text("customer,visitorid,item_id,timestamp\n1,2,3,4\n")
    message = refusal(csv)
    assert "'customer' or 'visitorid'" in message and "--user-column" in message
    named = open_table(csv, ("user_id", "item_id"), named={"user_id": "visitorid"})
    assert named.rows.collect().rows() == [("2", "3")]


def test_a_column_cannot_be_two_things(csv: Path) -> None:
    csv.write_text("a,b,c\n1,2,3\n")
    with pytest.raises(InteractionsError, match="cannot be both user and item"):
        open_table(csv, ("user_id", "item_id"), named={"user_id": "a", "item_id": "a"})


def test_columns_without_a_header_are_asked_for_by_number(csv: Path) -> None:
    csv.write_text("196,242,881250949\n186,302,891717742\n")
    assert "no header line" in (message := refusal(csv))
    assert "--user-column 1 --item-column 2 --time-column 3" in message
    numbers = {"user_id": "2", "item_id": "1", "timestamp": "3"}
    table = open_table(csv, ("user_id", "item_id", "timestamp"), named=numbers)
    assert table.rows.collect().rows()[0] == ("242", "196", "881250949")


def test_amazon_files_of_2018_have_the_item_first(csv: Path) -> None:
    csv.write_text("0449819906,A3NHUQ33CFH3VM,5.0,1405814400\nB00005N7P0,A1JX8F,4.0,1405814400\n")
    table = open_table(csv, ("user_id", "item_id", "timestamp"))
    assert table.rows.collect().rows()[0] == ("A3NHUQ33CFH3VM", "0449819906", "1405814400")
    assert "user from column 2, item from column 1" in table.sentence()


@pytest.mark.parametrize(
    "content",
    [
        "user_id,item_id,price,timestamp\na,x,1,1600000000\nb,y,1,234,1600000001\n",
        "1,2,3,1600000000\n" * 300 + "1,1,234,3,1600000001\n",
        'user_id,item_id,timestamp,title\na,x,1,5" nail\nb,y,2,6" nail\nc,z,3,ok\n',
    ],
    ids=["a comma in a price", "the same without a header", "inches"],
)
def test_columns_that_nobody_asked_for_shift_or_take_no_rows_unseen(csv: Path, content: str) -> None:
    csv.write_text(content)
    assert "cannot be read as CSV" in refusal(csv)


def test_values_in_quotes_that_go_over_lines_are_counted(csv: Path) -> None:
    rows = 'a,x,1,"5 nail"\n\n' + "c,x,2,t\n" * 200_000 + 'b,y,3,"6\n7\nnail"\n'
    csv.write_text("\n\nuser_id,item_id,timestamp,title\n" + rows)
    assert "inside a value in quotes: 2." in open_table(csv, ("user_id",)).sentence()
    csv.write_text(csv.read_text().replace("\n7\n", ""))
    assert "quotes" not in open_table(csv, ("user_id",)).sentence()


@pytest.mark.parametrize(
    ("line", "user", "item"),
    [
        ("1000000001,11,4,978300760\n1000000002,12,4,978300761\n", "1", "2"),
        ("0\t2010-10-19T23:55:27Z\t30.2\t-97.7\t22\n", "", ""),
    ],
    ids=["user numbers as long as an ASIN", "check-ins with coordinates"],
)
def test_what_only_resembles_a_published_layout_is_not_taken_for_it(csv: Path, line: str, user: str, item: str) -> None:
    csv.write_text(line)
    if not user:
        assert "no header line" in refusal(csv)
        return
    assert f"user from column {user}, item from column {item}" in open_table(csv, ("user_id", "item_id")).sentence()


def test_a_column_that_is_there_twice_is_refused(csv: Path) -> None:
    csv.write_text("user_id,user_id,item_id,timestamp\n1,2,3,4\n")
    assert "more than one column 'user_id'" in refusal(csv)


@pytest.mark.parametrize("mark", [";", "\t", "|", "::"])
def test_other_separators_are_recognised(csv: Path, mark: str) -> None:
    csv.write_text(mark.join(["user_id", "item_id", "timestamp"]) + "\n" + mark.join("abc"))
    assert read_columns(csv, ("timestamp", "user_id")).rows() == [("c", "a")]


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


def test_a_name_that_is_no_utf_8_is_told_and_shown(tmp_path: Path) -> None:
    path = tmp_path / f"x{NAME}.csv"
    path.write_text("user_id,item_id\nu,i\n")
    with pytest.raises(InteractionsError, match="is not UTF-8, and no table is read under such a name") as caught:
        read_columns(path, ("user_id", "item_id"))
    assert_harmless(str(caught.value))


def test_hostile_names_of_columns_can_be_shown(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(",".join(f'"{text}"' for text in (HOSTILE.replace('"', '""'), "b", "c")) + "\n1,2,3\n")
    with pytest.raises(InteractionsError) as caught:
        read_columns(path, ("user_id", "item_id"))
    assert_harmless(str(caught.value))
