from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ofa_export.errors import CheckpointError, ConfigError, UnknownNameError
from ofa_export.planning.bundle_job import Job, bundle_recipe, make_jobs, parse_group
from ofa_export.planning.limits import Limits


def jobs(checkpoint: Path, *, recipe: str = "int8", items: str | None = None, **changes: Any) -> tuple[Job, ...]:
    arguments: dict[str, Any] = {"budget": 4_000_000, "budget_text": "4MB", "runtime": "litert", "group": 0, **changes}
    return make_jobs(checkpoint, limits=Limits(), recipe=bundle_recipe(recipe, items=items), **arguments)


def test_both_means_one_converter_for_each_runtime_and_all_every_group(toy_checkpoint: Path) -> None:
    made = jobs(toy_checkpoint, runtime="both", group=None)
    assert [(job.converter.name, job.group) for job in made] == [
        ("executorch", 0),
        ("executorch", 1),
        ("litert", 0),
        ("litert", 1),
    ]
    assert [job.file_name for job in made] == [
        "toy-4MB-executorch.ofab",
        "toy-4MB-executorch-g1.ofab",
        "toy-4MB-litert.ofab",
        "toy-4MB-litert-g1.ofab",
    ]


def test_a_second_converter_is_used_by_name(toy_checkpoint: Path) -> None:
    for runtime in ("litert", None):
        (job,) = jobs(toy_checkpoint, runtime=runtime, converter="onnx2tf")
    assert (job.converter.name, job.file_name) == ("onnx2tf", "toy-4MB-litert-onnx2tf.ofab")
    both = jobs(toy_checkpoint, runtime="both", converter="onnx2tf")
    assert [job.converter.name for job in both] == ["executorch", "onnx2tf"]
    with pytest.raises(ConfigError, match="for litert: use --runtime litert, or leave --converter out"):
        jobs(toy_checkpoint, runtime="executorch", converter="onnx2tf")
    with pytest.raises(UnknownNameError, match=r"no converter 'onnx'.*Did you mean 'onnx2tf'"):
        jobs(toy_checkpoint, converter="onnx")


def test_names_carry_the_budget_as_it_was_written(toy_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert jobs(toy_checkpoint, budget_text="0.5MiB")[0].file_name == "toy-0.5MiB-litert.ofab"
    monkeypatch.chdir(toy_checkpoint)
    assert jobs(Path(), budget=1_500_000, budget_text=None)[0].file_name == "toy-1500000-litert.ofab"


@pytest.mark.parametrize("given", ["litrt", "LiteRT"])
def test_an_unknown_runtime_suggests_the_nearest(toy_checkpoint: Path, given: str) -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'litert'\? Valid: both, executorch, litert"):
        jobs(toy_checkpoint, runtime=given)


@pytest.mark.parametrize("group", ["-1", "x", "", "1.0", "\u0661", "ALL"])
def test_a_group_is_all_or_a_number(group: str) -> None:
    with pytest.raises(ConfigError, match="neither all nor a number"):
        parse_group(group)


def test_groups_are_read_as_people_write_them() -> None:
    assert (parse_group("all"), parse_group("0"), parse_group("12")) == (None, 0, 12)


@pytest.mark.parametrize("config", [None, "{", "[]", '{"model": {}}'])
def test_all_groups_of_something_that_is_no_checkpoint(tmp_path: Path, config: str | None) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match=r"Checkpoint '|holds no checkpoint"):
        jobs(tmp_path, group=None)


def test_items_replace_what_the_recipe_says(toy_checkpoint: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "pruned.yaml"
    recipe.write_text("description: d\nprecision: int8\nitems: 20\nselftest: {}\n")
    assert [jobs(toy_checkpoint, recipe=str(recipe), items=items)[0].recipe.items for items in (None, "all")] == [
        20,
        None,
    ]
    assert jobs(toy_checkpoint, items="prune-tail")[0].recipe.items == "prune-tail"


def test_a_choice_of_items_that_is_none_is_named(toy_checkpoint: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'prune-tail'"):
        jobs(toy_checkpoint, items="prune_tail")


def test_fixed_tiles_and_a_pruned_tail_contradict_each_other(toy_checkpoint: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "tiles.yaml"
    recipe.write_text("description: d\nprecision: int8\ntiles: 20\nselftest: {}\n")
    with pytest.raises(ConfigError, match=r"--items prune-tail and `tiles: 20` .* contradict"):
        jobs(toy_checkpoint, recipe=str(recipe), items="prune-tail")
