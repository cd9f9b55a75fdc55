from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.data.interactions import read_interactions, read_interactions_with_report, scan_interactions
from ofa_export.errors import InteractionsError

CASES = Path(__file__).parent / "cases"
HEADER = "user_id,item_id,timestamp\n"


def write_csv(folder: Path, body: str) -> Path:
    path = folder / "shop.csv"
    path.write_text(HEADER + body)
    return path


def write_parquet(folder: Path, **columns: Any) -> Path:
    path = folder / "shop.parquet"
    good = {"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": [1, 2]}
    pl.DataFrame(good | columns).write_parquet(path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InteractionsError) as caught:
        read_interactions(path)
    message = str(caught.value)
    assert str(path) in message and message.endswith(".")
    return message


def test_rows_keep_their_order_and_ids_are_text(tmp_path: Path) -> None:
    frame = read_interactions(write_csv(tmp_path, "2,0085123A,30\n1,22423,10\n2,22423,20\n"))
    assert frame.rows() == [("2", "0085123A", 30), ("1", "22423", 10), ("2", "22423", 20)]
    assert frame.schema == {"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64}


def test_csv_and_parquet_of_the_same_interactions_read_alike(tmp_path: Path) -> None:
    from_csv = read_interactions(write_csv(tmp_path, "1,7,3\n2,8,4\n"))
    columns = {"user_id": [1, 2], "item_id": [7.0, 8.0], "timestamp": pl.Series([3, 4], dtype=pl.UInt32)}
    assert read_interactions(write_parquet(tmp_path, **columns)).equals(from_csv)


def test_fractions_of_seconds_are_kept(tmp_path: Path) -> None:
    frame = read_interactions(write_csv(tmp_path, "a,x,1.5\nb,y,2\n"))
    assert frame["timestamp"].to_list() == [1.5, 2.0]


def test_large_whole_times_stay_exact(tmp_path: Path) -> None:
    frame = read_interactions(write_csv(tmp_path, f"a,x,{2**60 + 1}\nb,y,{2**60}\n"))
    assert frame["timestamp"].to_list() == [2**60 + 1, 2**60]


def test_exact_repetitions_are_dropped_and_counted(tmp_path: Path) -> None:
    path = write_csv(tmp_path, "a,x,1\nb,y,2\na,x,1\na,x,1\na,x,2\n")
    frame, report = read_interactions_with_report(path)
    assert frame.rows() == [("a", "x", 1), ("b", "y", 2), ("a", "x", 2)]
    assert (report.rows, report.duplicate_rows, report.blank_rows) == (3, 2, 0)
    assert report.warnings() == ("Rows dropped that repeat an earlier row exactly (same user, item and time): 2.",)


def test_blank_rows_are_skipped_and_counted_but_still_numbered(tmp_path: Path) -> None:
    _, report = read_interactions_with_report(write_csv(tmp_path, "a,x,1\n\nb,y,2\n\n"))
    assert report.blank_rows == 2
    assert "row 3: empty" in refusal(write_csv(tmp_path, "a,x,1\n\nb,,2\n"))


def test_a_clean_file_has_no_warnings(tmp_path: Path) -> None:
    assert read_interactions_with_report(write_parquet(tmp_path))[1].warnings() == ()


@pytest.mark.parametrize("body", ["", "\n\n"])
def test_a_header_without_interactions_is_refused(tmp_path: Path, body: str) -> None:
    assert "no interactions" in refusal(write_csv(tmp_path, body))


@pytest.mark.parametrize("value", ["", "NaN", "null", "inf", " "])
@pytest.mark.parametrize("column", ["user_id", "item_id"])
def test_a_missing_id_names_column_and_row(tmp_path: Path, column: str, value: str) -> None:
    row = {"user_id": "b", "item_id": "y"} | {column: value}
    message = refusal(write_csv(tmp_path, f"a,x,1\n{row['user_id']},{row['item_id']},2\nc,z,3\n"))
    assert f"column {column}" in message and "in 1 of 3 rows" in message and "row 2: " in message


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_missing_number_as_id_is_refused(tmp_path: Path, value: float | None) -> None:
    assert "row 2" in refusal(write_parquet(tmp_path, item_id=[1.0, value]))


@pytest.mark.parametrize(
    "value", ["", "yesterday", "2011-12-09", "12/1/2010 8:26", "978,304,156", "nan", "inf", "-inf", "1e999", "1_000"]
)
def test_a_time_that_is_no_number_names_row_and_value(tmp_path: Path, value: str) -> None:
    message = refusal(write_csv(tmp_path, f'a,x,1\nb,y,"{value}"\n'))
    assert "column timestamp" in message and "row 2: " in message and "2026-11-30T21:10:00Z" in message
    assert repr(value) in message or value == ""


def test_many_bad_rows_show_the_first_five_and_count_the_rest(tmp_path: Path) -> None:
    message = refusal(write_csv(tmp_path, "".join(f"u{n},i{n},never\n" for n in range(1200))))
    assert "in 1,200 of 1,200 rows" in message
    assert "row 5: 'never' and 1,195 more" in message and "row 6" not in message


def test_a_long_value_is_shortened(tmp_path: Path) -> None:
    assert len(refusal(write_csv(tmp_path, f"a,x,{'z' * 10_000}\nb,y,1\n"))) < 500


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"timestamp": [True, False]}, "column timestamp holds Boolean"),
        ({"timestamp": [None, None]}, "column timestamp"),
        ({"user_id": [["a"], ["b"]]}, "column user_id holds List(String)"),
        ({"item_id": [b"a", b"b"]}, "column item_id holds Binary"),
    ],
)
def test_a_parquet_column_of_the_wrong_type_is_refused(tmp_path: Path, columns: dict[str, Any], says: str) -> None:
    assert says in refusal(write_parquet(tmp_path, **columns))


def test_a_single_user_or_item_is_refused(tmp_path: Path) -> None:
    assert "a single user, 'a'" in refusal(write_csv(tmp_path, "a,x,1\na,y,2\n"))
    assert "a single item, 'x'" in refusal(write_csv(tmp_path, "a,x,1\nb,x,2\n"))


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(HEADER.encode() + content)
    try:
        assert read_interactions(path).height >= 2
    except InteractionsError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize(
    ("name", "first", "reading"),
    [
        ("ratings.dat", ("1", "7", 978304156), "CSV with '::' without a header line, as MovieLens ratings are"),
        ("u.data", ("1", "7", 978304156), "CSV with tabs without a header line, as MovieLens ratings are"),
        ("ml-latest.csv", ("1", "7", 978304156), "user from column userId, item from column movieId, time from"),
        ("ml.inter", ("1", "7", 978304156), "RecBole's atomic file with tabs: user from column 'user_id:token'"),
        ("inter_comma.csv", ("1", "7", 978304156), "RecBole's atomic file: user from column 'user_id:token'"),
        ("amazon_noheader.csv", ("A0000000000001", "B000000007", 978304156), "as Amazon's ratings are published"),
        ("a.jsonl", ("1", "7", 978304156), "JSON lines"),
        ("a.csv.gz", ("1", "7", 978304156), "CSV inside gzip"),
        ("gz_named.csv", ("1", "7", 978304156), "CSV inside gzip"),
        ("retailrocket.csv", ("1", "7", 978304156000), "user from column visitorid, item from column itemid"),
        ("iso_datetime.csv", ("1", "7", 978304156000000), "time from column timestamp"),
        ("iso_datetimez.csv", ("1", "7", 978304156123000), "time from column timestamp"),
        ("dt.parquet", ("1", "7", 978304156000000), "Parquet"),
        ("dec2.parquet", ("1", "7", 978304156), "Parquet"),
    ],
)
def test_files_as_they_are_published_hold_the_same_interactions(
    name: str, first: tuple[str, str, int], reading: str
) -> None:
    file = scan_interactions(CASES / name)
    assert reading in file.reading and file.reading.startswith(f"{name} is read as ") and not file.coarse_times
    frame = file.rows.collect()
    assert frame.row(0) == first
    with gzip.open(CASES / "a.csv.gz", "rt") as opened:
        expected = pl.DataFrame([tuple(line.split(",")) for line in opened.read().split()[1:]], orient="row")
    # Keys are called in other ways here and there; which are the same and who comes when is the same everywhere.
    for ours, theirs in zip(frame.columns, expected.columns, strict=True):
        named = frame[ours].rank("dense") if ours == "timestamp" else frame[ours].rle_id()
        wanted = expected[theirs].cast(int).rank("dense") if ours == "timestamp" else expected[theirs].rle_id()
        assert named.equals(wanted, check_names=False)


@pytest.mark.parametrize(
    ("name", "first", "why"),
    [
        ("hm.csv", ("1".zfill(64), "0108775007", 978220800000000), "Times are whole days"),
        ("iso_date.csv", ("1", "7", 978220800000000), "Times are whole days"),
        ("date.parquet", ("1", "7", 11322), "Times are whole days"),
        ("yyyymmdd.csv", ("1", "7", 20001231), "Times are whole days"),
        ("f32.parquet", ("1", "7", 978304128), "Times are 32-bit floats, which round these to multiples of 64"),
    ],
)
def test_times_that_were_rounded_are_recognised(name: str, first: tuple[str, str, int], why: str) -> None:
    file = scan_interactions(CASES / name)
    assert (file.rows.head(1).collect().row(0), file.coarse_times) == (first, why)


@pytest.mark.parametrize(
    ("times", "why"),
    [
        (("978304156", "978304156"), "All times are equal"),
        (("978307200000", "978220800000"), "Times are whole days"),
        (("2026-11-30T00:00:00Z", "2026-11-29T00:00:00Z"), "Times are whole days"),
        (("978307200", "978307201"), ""),
        (("20261130", "20261301"), ""),
        (("1", "2"), ""),
    ],
)
def test_why_many_times_are_equal(tmp_path: Path, times: tuple[str, str], why: str) -> None:
    path = write_csv(tmp_path, f"a,x,{times[0]}\nb,y,{times[1]}\n")
    assert scan_interactions(path).coarse_times == why


def test_yoochoose_sessions_are_users() -> None:
    file = scan_interactions(CASES / "yoochoose-clicks.csv")
    assert "user from column 1, item from column 3, time from column 2" in file.reading
    assert file.rows.head(2).collect().rows()[1] == ("0", "214536501", 1396867861277000)


@pytest.mark.parametrize(
    ("times", "kept"),
    [
        (("2026-11-30T10:00:00+02:00", "2026-11-30T09:00:00Z"), (1796025600000000, 1796029200000000)),
        (("2026/11/30 10:00", "2026-11-30 10:00:00.5"), (1796032800000000, 1796032800500000)),
        (("2026-11-30 10:00:00 UTC", "2026-11-30 10:00Z"), (1796032800000000, 1796032800000000)),
        (("978304156.0", "9.78304157e8"), (978304156, 978304157)),
    ],
)
def test_times_as_people_write_them(tmp_path: Path, times: tuple[str, str], kept: tuple[int, int]) -> None:
    frame = read_interactions(write_csv(tmp_path, f"a,x,{times[0]}\nb,y,{times[1]}\n"))
    assert tuple(frame["timestamp"]) == kept


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (("978304156", "978304157", "978304158000"), "looks like milliseconds, and others like seconds, in 1 of 3"),
        (("978304156000", "978304157000", "978304158"), "looks like seconds, and others like milliseconds, in 1 of 3"),
        (("2026-11-30T10:00:00Z", "2026-11-30", "2026-12-01"), "has no time zone, which others have, in 2 of 3 rows"),
        (("2026-11-30", "2026-12-01", "978304156"), "is no time in 1 of 3 rows (row 3: '978304156'"),
        (("978304156", "2026-12-01", "978304156"), "is no time in 1 of 3 rows (row 2: '2026-12-01'"),
        (("2026-02-28", "2026-02-29", "2026-03-01"), "row 2: '2026-02-29'"),
    ],
)
def test_times_that_cannot_be_compared_are_refused(tmp_path: Path, times: tuple[str, ...], says: str) -> None:
    assert says in refusal(write_csv(tmp_path, f"a,x,{times[0]}\nb,y,{times[1]}\nb,z,{times[2]}\n"))


def test_ids_that_floats_have_rounded_are_refused(tmp_path: Path) -> None:
    path = write_parquet(tmp_path, item_id=[2.0**60, 1.0])
    assert "have lost digits" in refusal(path)
    path = write_parquet(tmp_path, item_id=pl.Series([2.0**25, 1.0], dtype=pl.Float32))
    assert "numbers above 16,777,216 have lost digits" in refusal(path)


def test_times_that_are_not_like_the_others_are_counted(tmp_path: Path) -> None:
    times = ("0", "20261130", "1577836800", "1577836801.5", "99999999999")
    rows = "".join(f"u{number},i{number},{time}\n" for number, time in enumerate(times))
    assert (
        "not seconds from 1973 to 2286, as the others are: 3 of 5."
        in scan_interactions(write_csv(tmp_path, rows)).odd_times
    )
    assert not scan_interactions(write_csv(tmp_path, "a,x,1577836800\nb,y,1577836801\n")).odd_times
    assert not scan_interactions(write_csv(tmp_path, "a,x,2\nb,y,1\n")).odd_times


@pytest.mark.parametrize("times", [("31122020", "01012021"), ("12312020", "02012021")])
def test_numbers_with_the_day_or_month_first_are_refused(tmp_path: Path, times: tuple[str, str]) -> None:
    message = refusal(write_csv(tmp_path, f"a,x,{times[0]}\nb,y,{times[1]}\n"))
    assert "day and month before the year" in message


def test_hours_apart_are_not_called_whole_days(tmp_path: Path) -> None:
    path = write_csv(tmp_path, "a,x,2020-12-31 06:00\nb,y,2020-12-31 12:00\n")
    assert scan_interactions(path).coarse_times == ""
