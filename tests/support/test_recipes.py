from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
import yaml
from hostile import ENDLESS, HOSTILE, NAME, assert_harmless, leaves, with_key, with_value
from pydantic import BaseModel

from ofa_export.errors import ConfigError, UnknownNameError
from ofa_export.fleet.fleet_recipe import FleetRecipe
from ofa_export.planning.bundle_recipe import OpenRecipe
from ofa_export.support.recipes import Kind, load_recipe, recipe_names
from ofa_export.support.resources import shipped
from ofa_export.training.train_recipe import Sizes, TrainRecipe
from ofa_export.validation.tolerance import TolerancePolicy

BASE = shipped("export_recipes", "train", "base.yaml").read_text(encoding="utf-8")


def recipe_file(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_shipped_recipe_can_be_loaded() -> None:
    assert set(recipe_names("train")) == {
        "base", "ci", "gated-conv", "generic", "linear-recurrent", "ml-1m", "movielens", "online-retail-cold",
        "online-retail-long", "planted", "planted-mixed", "video-games",
    }  # fmt: skip
    for kind, recipe_class in (("train", TrainRecipe), ("bundle", OpenRecipe), ("tolerance", TolerancePolicy)):
        names = recipe_names(kind)
        assert names
        for name in names:
            assert load_recipe(kind, name, recipe_class).description


def test_shipped_train_recipes_fit_their_data() -> None:
    for name in recipe_names("train"):
        load_recipe("train", name, TrainRecipe).model.for_items(200)


def test_a_recipe_by_path_is_the_recipe_by_name(tmp_path: Path) -> None:
    assert load_recipe("train", recipe_file(tmp_path, BASE), TrainRecipe) == load_recipe("train", "base", TrainRecipe)


@pytest.mark.parametrize(("given", "near"), [("bsae", "base"), ("plantet", "planted"), ("Base", "base")])
def test_an_unknown_name_suggests_the_nearest(given: str, near: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        load_recipe("train", given, TrainRecipe)
    assert str(caught.value) == (
        f"There is no train recipe '{given}'. Did you mean '{near}'? Valid: {', '.join(sorted(recipe_names('train')))}."
    )


@pytest.mark.parametrize("given", ["", "../train/base", "/etc/passwd", "base/"])
def test_a_name_is_never_a_path(given: str) -> None:
    with pytest.raises(UnknownNameError, match="There is no train recipe"):
        load_recipe("train", given, TrainRecipe)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    recipe = yaml.safe_load(BASE)
    recipe["static"]["epochs"], recipe["tiles"]["order"], recipe["model"]["width"] = -1, "random", 60
    recipe["probs"] = recipe.pop("probes")
    path = recipe_file(tmp_path, yaml.safe_dump(recipe))
    with pytest.raises(ConfigError) as caught:
        load_recipe("train", path, TrainRecipe)
    first, *lines = str(caught.value).splitlines()
    assert first == f"Recipe '{path}' has 5 mistakes:"
    assert sorted(line.split(":")[0] for line in lines) == [
        "  model.width",
        "  probes",
        "  probs",
        "  static.epochs",
        "  tiles.order",
    ]


def test_one_mistake_is_one(tmp_path: Path) -> None:
    recipe = yaml.safe_load(BASE)
    recipe["model"] |= {"heads": 3, "width": 64}
    with pytest.raises(ConfigError, match=r"has 1 mistake:\n  model: .*heads \(3\) must divide width \(64\)"):
        load_recipe("train", recipe_file(tmp_path, yaml.safe_dump(recipe)), TrainRecipe)


@pytest.mark.parametrize("text", ["", "- 1", "17", "base"])
def test_something_else_than_a_mapping(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="has 1 mistake:\n  recipe: "):
        load_recipe("train", recipe_file(tmp_path, text), TrainRecipe)


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\x00", b"a: b: c", b"!!python/object:os.system {}"])
def test_something_else_than_yaml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"Recipe '.*mine.yaml' cannot be read: line 1\b"):
        load_recipe("train", str(path), TrainRecipe)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        load_recipe("train", str(tmp_path / "none.yaml"), TrainRecipe)
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read: it is a folder"):
        load_recipe("train", str(tmp_path / "folder.yaml"), TrainRecipe)


def test_a_recipe_that_does_not_fit_the_catalogue_says_so() -> None:
    with pytest.raises(ConfigError, match=r"does not fit 7 items: item_groups \(20\) must not exceed the number"):
        Sizes().for_items(7)


def test_nested_ranks_are_below_the_rank() -> None:
    recipe = yaml.safe_load(BASE)
    recipe["mapper"]["nested_ranks"] = [4, 2]
    assert TrainRecipe.model_validate(recipe).mapper.nested_ranks == (4, 2)
    recipe["mapper"]["nested_ranks"] = [2, 8]
    with pytest.raises(ValueError, match=r"mapper\.nested_ranks \(8\) must all be below model\.rank \(8\)"):
        TrainRecipe.model_validate(recipe)


def test_a_precision_is_one_word_or_a_default_and_its_exceptions() -> None:
    plain = load_recipe("bundle", "int8", OpenRecipe)
    assert plain.model_dump(mode="json")["precision"] == "int8"
    mixed = load_recipe("bundle", "mixed", OpenRecipe)
    assert mixed.precision.scheme_of("adapt.controller.head_in") == "int8"
    assert mixed.precision.scheme_of("block_0.block.linears.key.static") == "int4"
    assert OpenRecipe.model_validate(mixed.model_dump(mode="json")) == mixed


@pytest.mark.parametrize(
    ("precision", "mistake"),
    [
        ("int2", "precision.default"),
        ("{default: int2}", "precision.default"),
        ("{default: int8, layers: {adapt: int3, block_0: 8}}", "precision: .*but adapt has 'int3', block_0 has 8"),
        ("{default: int8, layer: {adapt: int4}}", "precision.layer"),
        ("{layers: {adapt: int4}}", "precision.default"),
        ("[int8]", "precision"),
    ],
)
def test_a_wrong_precision_is_one_mistake(tmp_path: Path, precision: str, mistake: str) -> None:
    text = f"description: x\nprecision: {precision}\nselftest: {{min_snr_db: 20.0}}\n"
    with pytest.raises(ConfigError, match=f"has 1 mistake:\n  {mistake}"):
        load_recipe("bundle", recipe_file(tmp_path, text), OpenRecipe)


def test_all_mistakes_of_a_bundle_recipe_are_told_at_once(tmp_path: Path) -> None:
    path = recipe_file(
        tmp_path,
        "description: x\nprecision: int9\nadaptation: maybe\nrank: 0\ndepth_cap: many\ntiles: -1\n"
        "candidates: 2.5\nselftest: {cases: 0}\nquality: high\n",
    )
    with pytest.raises(ConfigError) as caught:
        load_recipe("bundle", path, OpenRecipe)
    first, *lines = str(caught.value).splitlines()
    assert first == f"Recipe '{path}' has 8 mistakes:"
    names = ["candidates", "selftest.cases", "tiles", "precision.default", "adaptation", "rank", "depth_cap", "quality"]
    assert [line.split(":")[0].strip() for line in lines] == names


@pytest.mark.parametrize(
    ("kind", "name", "recipe_class"),
    [
        ("train", "base", TrainRecipe),
        ("bundle", "auto", OpenRecipe),
        ("tolerance", "strict", TolerancePolicy),
        ("fleet", "phones", FleetRecipe),
    ],
)
def test_hostile_text_in_any_field_or_key_can_be_shown(
    tmp_path: Path, kind: Kind, name: str, recipe_class: type[BaseModel]
) -> None:
    fields = yaml.safe_load(shipped("export_recipes", kind, f"{name}.yaml").read_text(encoding="utf-8"))
    path, places = tmp_path / f"{NAME}.yaml", [place for place in leaves(fields) if isinstance(place[-1], str)]
    # Several mistakes are told at once, and reading YAML takes its time.
    for change, start in product((with_value, with_key), range(0, len(places), 30)):
        changed = fields
        for place in reversed(places[start : start + 30]):
            changed = change(changed, place, HOSTILE)
        path.write_text(json.dumps(changed))
        with pytest.raises(ConfigError) as caught:
            load_recipe(kind, str(path), recipe_class)
        assert_harmless(str(caught.value))
        assert r"\x1b[2J" in str(caught.value)


@pytest.mark.parametrize("text", [f"a: [{HOSTILE}", f"{HOSTILE}: 1\n{HOSTILE}: 2", ENDLESS, NAME.replace("\udc80", "")])
def test_a_file_that_is_no_recipe_is_quoted_harmlessly(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe("bundle", recipe_file(tmp_path, text), OpenRecipe)
    assert_harmless(str(caught.value))
