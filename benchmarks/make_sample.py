"""The maker of the packaged Online Retail sample: `python benchmarks/make_sample.py SOURCE_FOLDER [TARGET_FOLDER]`.

SOURCE_FOLDER holds `interactions.csv` (user_id, item_id, timestamp, quantity) and `items.csv` (item_id, stock_code,
description). The sample keeps every row in its place, drops the quantity and names items by their stock code. The
same source and version of polars give the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from ofa_export.data.sample import INTERACTIONS_FILE, ITEMS_FILE, SAMPLE_FOLDER
from ofa_export.data.tables import read_columns
from ofa_export.errors import InteractionsError


def make_sample(source: Path, target: Path) -> tuple[Path, Path]:
    """Convert the source files.

    Args:
        source: folder with `interactions.csv` and `items.csv`.
        target: folder to write into; files of the same name are replaced.

    Returns:
        The interactions file and the titles file.

    Raises:
        InteractionsError: a source file cannot be read, or an interaction names an item without a stock code.
    """
    items = read_columns(source / "items.csv", ("item_id", "stock_code", "description"))
    interactions = read_columns(source / "interactions.csv", ("user_id", "item_id", "timestamp"))
    joined = interactions.join(items, on="item_id", how="left", maintain_order="left")
    unknown = joined.filter(pl.col("stock_code").is_null())["item_id"]
    if len(unknown):
        raise InteractionsError(f"{source}: interactions.csv names item {unknown[0]!r}, which items.csv does not have.")
    rows = joined.select("user_id", pl.col("stock_code").alias("item_id"), pl.col("timestamp").cast(pl.Int64))
    titles = items.select(pl.col("stock_code").alias("item_id"), pl.col("description").alias("title")).sort("item_id")
    return _write(rows, target / INTERACTIONS_FILE), _write(titles, target / ITEMS_FILE)


def _write(frame: pl.DataFrame, path: Path) -> Path:
    # One row group and one page per column: a single dictionary, and bytes that do not depend on the thread count.
    frame.write_parquet(
        path, compression="zstd", compression_level=19, statistics=False, row_group_size=2**20, data_page_size=2**26
    )
    return path


def main(arguments: list[str]) -> None:
    """Run the conversion for the command line."""
    if len(arguments) not in (1, 2):
        raise SystemExit("usage: python benchmarks/make_sample.py SOURCE_FOLDER [TARGET_FOLDER]")
    target = Path(arguments[1]) if len(arguments) == 2 else SAMPLE_FOLDER
    for path in make_sample(Path(arguments[0]), target):
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
