from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ofa_export.data.data_recipe import DataRecipe, HistoryRecipe
from ofa_export.data.histories import build_histories
from ofa_export.data.sample import SAMPLE_FOLDER, SAMPLES, load_dataset, read_titles
from ofa_export.errors import ConfigError, InteractionsError, UnknownNameError
from ofa_export.support.recipes import load_recipe, recipe_names
from ofa_export.training.train_recipe import TrainRecipe


def test_online_retail_has_the_documented_rows_in_the_source_order() -> None:
    data = load_dataset("online-retail")
    assert data.interactions.height == 386_250
    assert data.interactions.row(0) == ("12346", "23166", 1_295_344_860)
    assert data.interactions["user_id"].n_unique() == 4_334
    assert data.interactions["item_id"].n_unique() == 3_659
    assert data.warnings == ()


def test_every_online_retail_item_has_a_title() -> None:
    data = load_dataset("online-retail")
    assert set(data.interactions["item_id"]) == set(data.titles)
    assert data.titles["85123A"] == "WHITE HANGING HEART T-LIGHT HOLDER"


def test_online_retail_after_its_recipe_has_the_documented_size() -> None:
    data = load_dataset("online-retail")
    histories = build_histories(data.interactions, recipe=data.recipe, seed=0)
    assert (histories.users, histories.items, len(histories.rows)) == (4_074, 3_145, 264_510)


def test_the_sample_is_small_and_carries_its_licence() -> None:
    assert sum(path.stat().st_size for path in SAMPLE_FOLDER.iterdir()) < 1_000_000
    data = load_dataset("online-retail")
    assert data.licence == "CC-BY-4.0"
    assert "Chen, D. (2015)" in data.attribution and "10.24432/C5BW33" in data.attribution
    assert "CC BY 4.0" in (SAMPLE_FOLDER / "LICENSE.txt").read_text(encoding="utf-8")


def test_planted_histories_keep_every_interaction() -> None:
    data = load_dataset("planted")
    histories = build_histories(data.interactions, recipe=data.recipe, seed=0)
    assert (histories.users, histories.items) == (3_000, 200)
    assert len(histories.rows) == data.interactions.height
    assert not histories.exclude_history


def test_a_file_is_loaded_with_its_titles_and_recipe(tmp_path: Path) -> None:
    path, titles = tmp_path / "shop.csv", tmp_path / "titles.csv"
    path.write_text("user_id,item_id,timestamp\na,x,1\n\nb,y,2\na,y,2\na,z,3\na,x,1\n")
    titles.write_text("item_id,title\nx,Mug\n")
    recipe = HistoryRecipe(min_count=1)
    data = load_dataset(path, titles=titles, recipe=DataRecipe(histories=recipe))
    assert (data.name, data.titles, data.recipe) == ("shop", {"x": "Mug"}, recipe)
    assert data.warnings == ("Blank rows skipped: 1.",)
    histories = build_histories(data.interactions, recipe=recipe, seed=0)
    assert (histories.users, histories.items, histories.left_out.repeated_rows) == (2, 3, 1)


def test_files_may_call_their_columns_what_they_like(tmp_path: Path) -> None:
    path, titles = tmp_path / "ratings.csv", tmp_path / "movies.csv"
    path.write_text("userId,movieId,rating,timestamp\n1,7,4.0,10\n2,9,3.5,20\n")
    titles.write_text("movieId,title,genres\n7,Heat,Crime\n")
    columns = {"user_id": "userId", "item_id": "movieId"}
    data = load_dataset(path, titles=titles, recipe=DataRecipe(columns=columns))
    assert data.interactions.lazy().collect().rows() == [("1", "7", 10), ("2", "9", 20)]
    assert data.titles == {"7": "Heat"}
    with pytest.raises(InteractionsError, match="filmId"):
        load_dataset(path, recipe=DataRecipe(columns={"item_id": "filmId"}))


def test_an_unknown_name_suggests_the_nearest_sample() -> None:
    with pytest.raises(
        UnknownNameError, match=r"Did you mean 'online-retail'.*Valid: online-retail, planted, planted-mixed"
    ):
        load_dataset("online_retail")


def test_a_missing_file_is_not_mistaken_for_a_name(tmp_path: Path) -> None:
    with pytest.raises(InteractionsError, match="no file"):
        load_dataset(str(tmp_path / "nowhere.csv"))


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_sample_has_its_own_columns_and_titles(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has its own"):
        load_dataset(name, recipe=DataRecipe(columns={"item_id": "movieId"}))
    with pytest.raises(ConfigError, match="has its own"):
        load_dataset(name, titles=tmp_path / "titles.csv")


def test_a_sample_may_be_cut_in_another_way() -> None:
    cold = HistoryRecipe(min_count=5, ties="file", cold_users=0.2)
    data = load_dataset("online-retail", recipe=DataRecipe(histories=cold))
    assert data.recipe == cold
    assert data.titles == load_dataset("online-retail").titles


@pytest.mark.parametrize("recipe", [name for name in recipe_names("train") if name.startswith("online-retail")])
def test_the_recipes_named_after_a_sample_are_for_it(recipe: str) -> None:
    settings = load_recipe("train", recipe, TrainRecipe).data
    data = load_dataset("online-retail", recipe=settings.resolved() if settings else None)
    assert data.recipe.cold_users == (0.2 if recipe == "online-retail-cold" else 0)


def test_titles_are_read_by_key_and_missing_ones_skipped(tmp_path: Path) -> None:
    path = tmp_path / "titles.csv"
    path.write_text('item_id,title,colour\n007,"Mug, blue",x\n8,,y\n9,Plate,z\n9,Plate,z\n')
    assert read_titles(path) == {"007": "Mug, blue", "9": "Plate"}


def test_two_titles_for_one_item_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "titles.csv"
    path.write_text("item_id,title\n9,Plate\n9,Dish\n")
    with pytest.raises(InteractionsError, match="more than one title for item '9'"):
        read_titles(path)


def test_a_missing_title_column_names_the_option(tmp_path: Path) -> None:
    path = tmp_path / "titles.csv"
    path.write_text("item_id,colour\n9,red\n")
    with pytest.raises(InteractionsError, match="--title-column"):
        read_titles(path)


def test_keys_match_those_of_the_interactions_whatever_their_type(tmp_path: Path) -> None:
    path = tmp_path / "titles.parquet"
    pl.DataFrame({"item_id": [7.0, 8.0], "title": [" Mug ", "Plate"]}).write_parquet(path)
    assert read_titles(path) == {"7": "Mug", "8": "Plate"}


def test_a_column_of_lists_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "titles.parquet"
    pl.DataFrame({"item_id": ["7"], "title": [["Mug"]]}).write_parquet(path)
    with pytest.raises(InteractionsError, match="column title holds List"):
        read_titles(path)
