"""Data sets that nobody would choose: each is trained on correctly or refused with a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ofa_export.data.data_recipe import DataRecipe, HistoryRecipe
from ofa_export.data.sample import DataSet, load_dataset
from ofa_export.errors import ConfigError, InteractionsError
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.training.train import train
from ofa_export.training.train_recipe import TrainRecipe
from ofa_export.training.training_progress import Silent

pytestmark = pytest.mark.integration

MakeRecipe = Callable[..., TrainRecipe]
ONE_EPOCH: dict[str, Any] = {stage: {"epochs": 1} for stage in ("static", "groups", "weights", "tiles", "mapper")}
EVERYTHING = HistoryRecipe(min_count=1, repeats="all", ties="shuffle")
ODD_KEYS = [
    "",
    " ",
    'a "quoted" key',
    "comma, separated",
    "line\nbreak",
    "tab\there",
    "\u202eright to left",
    "naïve 🛒",
    "../../etc/passwd",
    "null\x00byte",
    "'; DROP TABLE items; --",
    "0012",
    "12",
    "-0",
    "x" * 5000,
]
"""The first two are blank, which no reader lets through as an id."""
UNFIT_KEYS = {"line\nbreak", "x" * 5000}
"""What a bundle cannot call an item."""


class Notes(Silent):
    """Keeps the sentences that it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


def trained(
    folder: Path,
    rows: list[tuple[str, str, int]],
    recipe: TrainRecipe,
    cut: HistoryRecipe = EVERYTHING,
    *,
    progress: Silent | None = None,
) -> Checkpoint:
    """Write the rows to a file, train on it, and read the checkpoint back."""
    path = folder / "shop.parquet"
    pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row").write_parquet(path)
    data: DataSet = load_dataset(path, recipe=DataRecipe(histories=cut))
    train(data, recipe, folder / "checkpoint", seed=0, resume=False, force=False, progress=progress or Silent())
    assert sorted(entry.name for entry in folder.iterdir()) == ["checkpoint", "shop.parquet"]
    checkpoint = load_checkpoint(folder / "checkpoint")
    assert all(np.isfinite(value.numpy()).all() for value in checkpoint.model.state_dict().values())
    return checkpoint


def shop(users: int, items: int, length: int) -> list[tuple[str, str, int]]:
    rng = np.random.default_rng(0)
    return [(f"u{u}", f"i{item}", t) for u in range(users) for t, item in enumerate(rng.integers(0, items, length))]


def refused(folder: Path, rows: list[tuple[str, str, int]], recipe: TrainRecipe, error: type[Exception]) -> str:
    with pytest.raises(error) as caught:
        trained(folder, rows, recipe)
    assert not (folder / "checkpoint").exists()
    return str(caught.value)


def test_one_item_is_refused(tmp_path: Path, recipe_of: MakeRecipe) -> None:
    said = refused(tmp_path, shop(5, 1, 6), recipe_of(**ONE_EPOCH), InteractionsError)
    assert "has a single item, 'i0', in column item_id" in said and "give interactions with at least two" in said


def test_one_item_that_is_left_is_refused(tmp_path: Path, recipe_of: MakeRecipe) -> None:
    rows = [*shop(5, 1, 6), ("u0", "rare", 9)]
    with pytest.raises(InteractionsError, match=r"5 and 1 are left .* lower min_count or add data"):
        trained(tmp_path, rows, recipe_of(**ONE_EPOCH), HistoryRecipe(min_count=2, repeats="all"))


def test_fewer_users_than_groups_are_refused_before_anything_is_trained(tmp_path: Path, recipe_of: MakeRecipe) -> None:
    said = refused(tmp_path, shop(3, 8, 9), recipe_of(**ONE_EPOCH, model={"user_groups": 4}), ConfigError)
    assert "4 user groups need at least as many users; there are 3" in said and "model.user_groups" in said
    assert [entry.name for entry in tmp_path.iterdir()] == ["shop.parquet"]


def test_as_many_users_as_groups_are_trained_on(tmp_path: Path, recipe_of: MakeRecipe) -> None:
    made = trained(tmp_path, shop(4, 8, 9), recipe_of(**ONE_EPOCH, model={"user_groups": 4}))
    assert sorted(made.validation.user_groups) == [0, 1, 2, 3]


def test_few_validation_users_are_said(tmp_path: Path, recipe_of: MakeRecipe) -> None:
    notes = Notes()
    impatient = {stage: {"epochs": 1, "patience": 5} for stage in ("static", "tiles", "mapper")}
    trained(tmp_path, shop(5, 8, 9), recipe_of(**{**ONE_EPOCH, **impatient}), progress=notes)
    [luck] = [line for line in notes.told if "luck" in line]
    assert luck.startswith(
        "Note: early stopping looks at 5 validation users. With so few it is luck which epoch is kept"
    )
    assert "static: patience of 5 epochs is longer than 1, so all of them are run" in notes.told


def test_users_who_are_all_alike_fill_one_group(tmp_path: Path, recipe_of: MakeRecipe) -> None:
    alike = [(f"u{user}", f"i{t % 4}", t) for user in range(6) for t in range(9)]
    made = trained(tmp_path, alike, recipe_of(**ONE_EPOCH, model={"user_groups": 2}))
    assert set(made.validation.user_groups) == {0}


def test_histories_of_one_item_are_refused(tmp_path: Path, recipe_of: MakeRecipe) -> None:
    rows = [(f"u{user}", f"i{user % 5}", user) for user in range(20)]
    said = refused(tmp_path, rows, recipe_of(**ONE_EPOCH), InteractionsError)
    assert "longest history has 1 items, and 3 are needed" in said and "Give longer histories" in said


def test_equal_times_are_put_in_an_order_that_the_seed_decides(tmp_path: Path, recipe_of: MakeRecipe) -> None:
    rows = [(user, item, 7) for user, item, _ in dict.fromkeys((u, i, 7) for u, i, _ in shop(12, 9, 12))]
    made = trained(tmp_path, rows, recipe_of(**ONE_EPOCH))
    assert (made.config.training["users"], made.config.training["interactions"]) == (12, len(rows))


def test_ids_may_hold_any_characters(tmp_path: Path, recipe_of: MakeRecipe) -> None:
    users = ODD_KEYS[2:]
    items = [key for key in users if key not in UNFIT_KEYS]
    rng = np.random.default_rng(0)
    rows = [(user, items[item], t) for user in users for t, item in enumerate(rng.integers(0, len(items), 8))]
    made = trained(tmp_path, rows, recipe_of(**ONE_EPOCH))
    assert set(made.item_keys) == {item for _, item, _ in rows}
    assert made.config.training["users"] == len(users)


def test_items_that_no_bundle_can_hold_are_refused_before_anything_is_trained(
    tmp_path: Path, recipe_of: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [*shop(4, 8, 9), *((f"u{user}", key, 20 + user) for user in range(4) for key in UNFIT_KEYS)]
    monkeypatch.setattr("ofa_export.training.train._run_stages", lambda *_: pytest.fail("it trained"))
    said = refused(tmp_path, rows, recipe_of(**ONE_EPOCH), ConfigError)
    assert said.startswith("No bundle can hold 2 items of these data. ")
    assert "holds a newline; replace it by a blank." in said and "take 5,002 bytes; the limit is 1,024." in said
    assert len(said) < 500
    assert [entry.name for entry in tmp_path.iterdir()] == ["shop.parquet"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("n" * 188, "188 characters; the name of a bundle has room for 187"), ("a\udcff", "no valid")],
)
def test_data_whose_name_no_bundle_can_have(tmp_path: Path, recipe_of: MakeRecipe, name: str, sentence: str) -> None:
    frame = pl.DataFrame(shop(4, 8, 9), schema=["user_id", "item_id", "timestamp"], orient="row")
    data = DataSet(name=name, interactions=frame, recipe=EVERYTHING)
    with pytest.raises(ConfigError, match=sentence):
        train(
            data,
            recipe_of(**ONE_EPOCH),
            tmp_path / "checkpoint",
            seed=0,
            resume=False,
            force=False,
            progress=Silent(),
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("blank", ODD_KEYS[:2])
def test_blank_ids_are_refused(tmp_path: Path, recipe_of: MakeRecipe, blank: str) -> None:
    said = refused(tmp_path, [*shop(4, 8, 9), ("u9", blank, 3)], recipe_of(**ONE_EPOCH), InteractionsError)
    assert "column item_id has no usable id in 1 of 37 rows" in said
