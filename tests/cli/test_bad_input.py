"""Wrong input of every kind, and the exit code and sentence that it ends with."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ofa_export.support.output import output_lock

BAD_BUDGETS = ["0", "-1", "4mb!", "10TB", "", "4 mb", "1e6", "\u0664MB"]


@pytest.fixture
def checkpoint(toy_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the toy checkpoint to break."""
    return Path(shutil.copytree(toy_checkpoint, tmp_path / "checkpoint"))


def fails(result: Any, code: int, *parts: str) -> None:
    assert result.exit_code == code, result.output
    assert not result.stdout
    for part in parts:
        assert part in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["plan", "bundle"])
@pytest.mark.parametrize("budget", BAD_BUDGETS)
def test_a_budget_that_is_no_size(invoke, toy_checkpoint: Path, command: str, budget: str) -> None:
    fails(invoke(command, toy_checkpoint, f"--budget={budget}"), 2, f"'{budget}'", "Write it like 4MB")


@pytest.mark.parametrize("budget", BAD_BUDGETS)
def test_a_budget_of_resize_that_is_no_size(invoke, tmp_path: Path, budget: str) -> None:
    result = invoke("resize", tmp_path / "a.ofab", f"--budget={budget}", "-o", tmp_path / "b.ofab")
    fails(result, 2, f"'{budget}'", "Write it like 4MB")


@pytest.mark.parametrize("budget", BAD_BUDGETS)
def test_a_budget_of_a_fleet_that_is_no_size(invoke, tmp_path: Path, budget: str) -> None:
    result = invoke("fleet", f"--budgets=1MB,{budget}", "-o", tmp_path / "fleet")
    fails(result, 2, f"'{budget}'", "Write it like 4MB")
    assert not (tmp_path / "fleet").exists()


def test_a_fleet_with_two_outputs_of_one_name(invoke, toy_checkpoint: Path, tmp_path: Path) -> None:
    result = invoke("fleet", toy_checkpoint, "--budgets", "1MB,4MB,1MB", "-o", tmp_path / "fleet")
    fails(result, 2, "would have the name", "Name each budget once.")


def test_a_fleet_over_other_files(invoke, toy_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    fails(invoke("fleet", toy_checkpoint, "-o", tmp_path, "--force"), 2, "holds other files")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_collecting_from_what_is_no_fleet(invoke, tmp_path: Path) -> None:
    fails(invoke("collect", tmp_path), 5, "holds no fleet")
    fails(invoke("collect", "nosuch://x"), 2, "nor a URL that fsspec knows")


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (
            ["plan", "--budget", "4MB", "--runtime", "litrt"],
            "Did you mean 'litert'? Valid: both, executorch, litert.",
        ),
        (["bundle", "--budget", "4MB", "--runtime", "executorh"], "Did you mean 'executorch'?"),
        (["plan", "--budget", "4MB", "--recipe", "int9"], "Did you mean 'int8'? Valid: auto, fp32, int4, int8, mixed."),
        (["fleet", "-o", "x", "--recipe", "phone"], "Did you mean 'phones'?"),
        (["fleet", "-o", "x", "--runtime", "litrt"], "Did you mean 'litert'?"),
        (["validate", "x.ofab", "--tolerance", "defalt"], "Did you mean 'default'?"),
        (["train", "planted", "-o", "x", "--recipe", "plantd"], "Did you mean 'planted'?"),
        (["train", "online-retial", "-o", "x"], "Did you mean 'online-retail'?"),
        (
            ["train", "planted", "-o", "x", "--validation-histories", "sintetic"],
            "Did you mean 'synthetic'? Valid: none, real, synthetic.",
        ),
        (["inspekt", "x.ofab"], "Did you mean 'inspect'?"),
        (["plan", "--bugdet", "4MB"], "--budget"),
    ],
)
def test_an_unknown_name_suggests_the_nearest_and_does_not_use_it(
    invoke, arguments: list[str], near: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fails(invoke(*arguments), 2, near)
    assert not list(tmp_path.iterdir())


def test_an_unknown_target_lists_the_valid_ones(invoke, toy_checkpoint: Path, tmp_path: Path) -> None:
    result = invoke("validate", tmp_path / "x.ofab", "--checkpoint", toy_checkpoint, "--target", "hst")
    fails(result, 2, "There is no target 'hst'.", "Did you mean 'host'?")


def test_a_plan_is_for_one_bundle(invoke, toy_checkpoint: Path) -> None:
    for option in (["--runtime", "both"], ["--group", "all"]):
        fails(invoke("plan", toy_checkpoint, "--budget", "4MB", *option), 2, "choose one runtime and one group")


@pytest.mark.parametrize("group", ["2", "first"])
def test_a_group_that_is_not_there(invoke, toy_checkpoint: Path, group: str) -> None:
    fails(invoke("plan", toy_checkpoint, "--budget", "4MB", "--group", group), 2, group)


def truncate(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-20])


def newer(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": "2.0"}))


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps({"weights": [1.0]}))


@pytest.mark.parametrize(
    ("breakage", "sentence"),
    [
        (lambda folder: truncate(folder, "model.safetensors"), "model.safetensors is truncated"),
        (
            lambda folder: truncate(folder, "validation_histories.safetensors"),
            "validation_histories.safetensors is truncated",
        ),
        (lambda folder: truncate(folder, "items.parquet"), "items.parquet is truncated"),
        (lambda folder: truncate(folder, "config.json"), "config.json is not JSON"),
        (lambda folder: (folder / "validation_histories.safetensors").unlink(), "validation_histories.safetensors"),
        (newer, "schema version 2.0"),
        (pickled, "pickle"),
    ],
    ids=["weights", "validation", "items", "config", "missing", "newer", "pickle"],
)
def test_a_checkpoint_that_is_rejected(
    invoke, checkpoint: Path, tmp_path: Path, breakage: Callable[[Path], None], sentence: str
) -> None:
    breakage(checkpoint)
    fails(invoke("bundle", checkpoint, "--budget", "4MB", "-o", tmp_path / "out"), 5, sentence)
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_that_is_a_pickle_or_not_there(invoke, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(pickle.dumps([1]))
    fails(invoke("plan", tmp_path / "model.pt", "--budget", "4MB"), 5, "is a pickle", "not opened")
    fails(invoke("plan", tmp_path / "nothing", "--budget", "4MB"), 5, "There is no checkpoint folder", "train")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("user_id,item_id\na,b\n", "timestamp"),
        ("user_id,item_id,timestamp\n", "no "),
        ("user_id,item_id,timestamp\na,b,yesterday\n", "yesterday"),
        ("", "empty"),
    ],
    ids=["column", "rows", "time", "empty"],
)
def test_interactions_that_cannot_be_trained_on(invoke, tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "sales.csv").write_text(content)
    result = invoke("train", tmp_path / "sales.csv", "-o", tmp_path / "out", "--recipe", "ci")
    fails(result, 2, "sales.csv", sentence)
    assert not (tmp_path / "out").exists()


def test_all_mistakes_of_a_recipe_are_printed_together(invoke, toy_checkpoint: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("description: x\nprecision: int2\ncandidates: 0\nselftest: {min_snr_db: 20.0}\n")
    result = invoke("plan", toy_checkpoint, "--budget", "4MB", "--recipe", recipe)
    fails(result, 2, "2 mistakes", "precision", "candidates")


@pytest.mark.integration
@pytest.mark.parametrize(
    "arguments",
    [
        ["inspect", "{}"],
        ["plan", "{}", "--budget", "4MB"],
        ["plan", "--budget", "4MB", "-o", "{}"],
        ["plan", "--budget", "4MB", "--recipe", "{}.yaml"],
        ["bundle", "--budget", "4MB", "-o", "{}"],
        ["resize", "{}", "--budget", "4MB", "-o", "x"],
        ["delta", "{}", "{}", "-o", "x"],
        ["patch", "{}", "{}", "-o", "{}"],
        ["session", "--items", "{}", "-o", "x"],
        ["session", "--items", "{}.txt", "-o", "x"],
        ["run", "{}", "--history", "K1", "--session", "{}"],
        ["train", "planted", "-o", "{}"],
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_a_name_that_the_system_refuses_is_no_defect(ofa, tmp_path: Path, arguments: list[str]) -> None:
    result = ofa(*(part.format("n" * 300) for part in arguments), cwd=tmp_path)
    assert result.returncode in {2, 5}
    assert result.stderr.startswith("Error: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["inspect", "run", "validate", "resize", "delta"])
@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_bundle_that_cannot_be_read(invoke, toy_checkpoint: Path, tmp_path: Path, command: str, kind: str) -> None:
    path = tmp_path if kind == "folder" else tmp_path / "no.ofab"
    options = {
        "run": ["--history", "K1"],
        "validate": ["--checkpoint", toy_checkpoint],
        "resize": ["--budget", "4MB", "-o", tmp_path / "x"],
        "delta": [path, "-o", tmp_path / "x"],
    }.get(command, [])
    fails(invoke(command, path, *options), 2, "cannot be read")


@pytest.mark.parametrize("command", [["train", "a.csv"], ["import", "a.csv", "--format", "pmixer"]])
def test_a_checkpoint_that_another_command_is_making(
    invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "checkpoint"
    options = ["--interactions", "a.csv"] if command[0] == "import" else []
    Path("a.csv").write_text("user_id,item_id,timestamp\n")
    with output_lock(output):
        fails(invoke(*command, *options, "-o", output), 2, "is being made by another ofa-export right now")
    fails(invoke(*command, *options, "-o", output), 2, "a.csv")
    fails(invoke(*command, *options, "-o", "-"), 2, "'-' names no file")
    assert not output.exists()


@pytest.mark.parametrize(
    "command",
    [
        ["delta", "a", "b", "-o", "a"],
        ["delta", "a", "b", "-o", "b"],
        ["patch", "a", "b", "-o", "b"],
        ["session", "--items", "a", "-o", "a"],
        ["session", "--items", "b", "--for", "a", "-o", "a"],
        ["validate", "a", "--junit", "a"],
        ["validate", "a", "--html", "a"],
        ["evaluate", "--interactions", "a", "--html", "a"],
        ["apk", "a", "-o", "a"],
        ["apk", "a", "--keystore", "b", "-o", "b"],
    ],
    ids=lambda command: " ".join(command),
)
def test_no_result_takes_the_place_of_what_it_is_made_from(
    invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        Path(name).write_text(name)
    fails(invoke(*command, "--force"), 2, "is what this command reads, and would be lost")
    assert [Path(name).read_text() for name in "ab"] == ["a", "b"]
