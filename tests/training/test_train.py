from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ofa_export.data.sample import DataSet
from ofa_export.errors import CheckpointError, ConfigError, InteractionsError, NumericsError, OutputError
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.training import train as train_module
from ofa_export.training.accelerator import fabric_on
from ofa_export.training.train import STAGES, Stage, train
from ofa_export.training.train_recipe import TrainRecipe
from ofa_export.training.training_progress import Silent
from ofa_export.training.training_run import TrainingRun
from ofa_export.training.weights_stage import train_weights

pytestmark = pytest.mark.integration

DRIVER = Path(__file__).parent / "killed_training.py"
NOTHING: dict[str, Any] = {stage: {"epochs": 0} for stage in ("static", "groups", "weights", "tiles", "mapper")}
"""Parts of a recipe that trains nothing: for what happens around training."""

MakeRecipe = Callable[..., TrainRecipe]


def make(data: DataSet, recipe: TrainRecipe, output: Path, **options: Any) -> Checkpoint:
    return train(data, recipe, output, **{"seed": 0, "resume": False, "force": False, "progress": Silent(), **options})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def in_another_process(
    recipe: TrainRecipe, output: Path, *, resume: bool = False, kill: tuple[str, str, int] | None = None
) -> int:
    job = output.with_suffix(".json")
    job.write_text(
        json.dumps({"recipe": recipe.model_dump(), "output": str(output), "seed": 0, "resume": resume, "kill": kill})
    )
    return subprocess.run([sys.executable, DRIVER, job], check=False).returncode


@pytest.fixture(scope="module")
def two_groups(recipe_of: MakeRecipe) -> TrainRecipe:
    return recipe_of(
        model={"user_groups": 2},
        tiles={"order": "peel", "patience": 1, "weight_decay": 0.1},
        mapper={"keep_share": 0.7, "average": 0.9},
    )


@pytest.fixture(scope="module")
def unbroken(data: DataSet, two_groups: TrainRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with two user groups, made in one go."""
    output = tmp_path_factory.mktemp("unbroken") / "checkpoint"
    make(data, two_groups, output)
    return output


def test_all_stages_leave_their_part_in_the_checkpoint(unbroken: Path) -> None:
    checkpoint = load_checkpoint(unbroken)
    assert checkpoint.config.order == "peel"
    assert checkpoint.config.data.licence == "CC0"
    assert not checkpoint.config.data.exclude_history
    measured = checkpoint.config.training["measured"]
    assert set(measured) >= {"static", "groups", "weights", "tiles", "mapper"}
    assert sum(measured["groups"]["sizes"]) == 60
    assert set(checkpoint.validation.user_groups) == {0, 1}
    assert not np.allclose(checkpoint.model.tables[0], checkpoint.model.tables[1])
    assert not np.allclose(checkpoint.importance[0], checkpoint.importance[1])
    assert not np.allclose(checkpoint.centroids[0], checkpoint.centroids[1])
    assert checkpoint.item_titles[checkpoint.item_keys.index("item-00")] == "First"
    assert sorted(checkpoint.item_titles)[:-1] == [""] * 23


# What recurrences are given is learnt more slowly: on 60 users the first six epochs bring nothing.
@pytest.mark.parametrize(("backbone", "epochs"), [("gated-convolution", 4), ("linear-recurrent-unit", 12)])
def test_every_stage_trains_a_backbone_without_attention(
    data: DataSet, recipe_of: MakeRecipe, tmp_path: Path, backbone: str, epochs: int
) -> None:
    # Stages that may stop at their first state when nothing gets better must get better here.
    recipe = recipe_of(
        model={"backbone": backbone, "depth": 3},
        static={"epochs": 4, "learning_rate": 1e-2},
        mapper={"epochs": epochs, "learning_rate": 1e-2},
    )
    make(data, recipe, tmp_path / "checkpoint")
    checkpoint = load_checkpoint(tmp_path / "checkpoint")
    assert checkpoint.config.model.backbone == backbone
    measured = checkpoint.config.training["measured"]
    assert measured["static"]["best"] > 1.5 * measured["static"]["history"][0]
    assert measured["static"]["best_epoch"] > 0
    assert measured["mapper"]["best_epoch"] > 0
    assert any(generator.out.weight.any() for generator in checkpoint.model.mapper.generators)


def test_what_train_returns_is_what_it_wrote(data: DataSet, recipe_of: MakeRecipe, tmp_path: Path) -> None:
    made = make(data, recipe_of(**NOTHING), tmp_path / "checkpoint")
    loaded = load_checkpoint(tmp_path / "checkpoint")
    assert loaded.config == made.config
    assert all((loaded.model.state_dict()[name] == value).all() for name, value in made.model.state_dict().items())
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


@pytest.mark.parametrize("kind", ["synthetic", "none"])
def test_a_checkpoint_can_keep_nobody_s_histories(
    data: DataSet, two_groups: TrainRecipe, unbroken: Path, tmp_path: Path, kind: str
) -> None:
    """The run is the same, and what it measured on people; only what is kept of them differs."""
    probes = two_groups.probes.model_copy(update={"histories": kind})
    make(data, two_groups.model_copy(update={"probes": probes}), tmp_path / "made")
    made, real = contents(tmp_path / "made"), contents(unbroken)
    assert made["model.safetensors"] == real["model.safetensors"]
    kept, trained = Checkpoint.open(tmp_path / "made"), Checkpoint.open(unbroken)
    assert kept.config.history_kind == kind
    assert kept.config.training["probe_ndcg_at_10"] == trained.config.training["probe_ndcg_at_10"]
    assert np.array_equal(np.sort(kept.validation.user_groups), np.sort(trained.validation.user_groups))
    people = {tuple(row) for row in trained.validation.histories.tolist()}
    if kind == "none":
        assert not people & {tuple(row) for row in kept.validation.histories.tolist() if row.count(-1) < 4}


def test_another_process_makes_the_same_bytes(unbroken: Path, two_groups: TrainRecipe, tmp_path: Path) -> None:
    assert in_another_process(two_groups, tmp_path / "checkpoint") == 0
    assert contents(tmp_path / "checkpoint") == contents(unbroken)


def test_another_seed_makes_another_model(data: DataSet, recipe_of: MakeRecipe, tmp_path: Path) -> None:
    for seed in (0, 1):
        make(data, recipe_of(**NOTHING), tmp_path / str(seed), seed=seed)
    first, second = (contents(tmp_path / str(seed)) for seed in (0, 1))
    assert first["model.safetensors"] != second["model.safetensors"]
    assert first["validation_histories.safetensors"] != second["validation_histories.safetensors"]


@pytest.mark.parametrize(
    "kills",
    [
        # Right after a stage was stored: nothing of the next one is on the disk yet.
        [("os.rename", f"{stage}.running", 1) for stage in ("groups", "weights-0", "tiles", "mapper")],
        # In the middle of a stage, while a snapshot of it is written.
        [
            ("os.rename", "static.running", 15),
            ("os.rename", "groups.running", 8),
            ("os.rename", "weights-1.running", 2),
            ("os.rename", "mapper.running", 13),
        ],
        # After a stage has ended and before that is stored; at last while the checkpoint itself is written.
        [
            ("os.rename", "3-weights.done", 1),
            ("os.mkdir", ".part", 1),
            ("os.rename", "/checkpoint", 1),
        ],
    ],
    ids=["between stages", "within stages", "at the end"],
)
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bytes(
    data: DataSet, two_groups: TrainRecipe, unbroken: Path, tmp_path: Path, kills: list[tuple[str, str, int]]
) -> None:
    output = tmp_path / "checkpoint"
    for number, kill in enumerate(kills):
        assert in_another_process(two_groups, output, resume=number > 0, kill=kill) == -signal.SIGKILL
        assert not output.exists()
    make(data, two_groups, output, resume=True)
    assert contents(output) == contents(unbroken)
    assert not (tmp_path / ".checkpoint.training").exists()


class StoppedError(Exception):
    """Ends a run from within, as an unexpected error would."""


class StopsAtTiles(Silent):
    def start(self, stage: str, *, steps: int, done: int) -> None:
        if stage == "tiles":
            raise StoppedError


class Notes(Silent):
    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


@pytest.fixture
def unfinished(data: DataSet, recipe_of: MakeRecipe, tmp_path: Path) -> Path:
    """The output of a run that ended before stage `tiles`."""
    output = tmp_path / "checkpoint"
    with pytest.raises(StoppedError):
        make(data, recipe_of(**NOTHING), output, progress=StopsAtTiles())
    assert not output.exists()
    return output


def test_an_unfinished_run_is_not_gone_on_with_unasked(data: DataSet, recipe_of: MakeRecipe, unfinished: Path) -> None:
    with pytest.raises(ConfigError, match=r"unfinished run\. Add --resume to go on with it, or --force to start over"):
        make(data, recipe_of(**NOTHING), unfinished)
    make(data, recipe_of(**NOTHING), unfinished, resume=True)
    assert unfinished.is_dir()


def test_force_throws_an_unfinished_run_away(data: DataSet, recipe_of: MakeRecipe, unfinished: Path) -> None:
    make(data, recipe_of(**NOTHING), unfinished, seed=5, force=True)
    assert load_checkpoint(unfinished).config.training["seed"] == 5


@pytest.mark.parametrize("change", ["seed", "recipe", "data", "repeats", "precision"])
def test_another_job_does_not_go_on(data: DataSet, recipe_of: MakeRecipe, unfinished: Path, change: str) -> None:
    recipe, seed, fabric = recipe_of(**NOTHING), 0, None
    if change == "seed":
        seed = 1
    elif change == "recipe":
        recipe = recipe_of(**{**NOTHING, "mapper": {"epochs": 0, "dropout": 0.25}})
    elif change == "precision":
        fabric = fabric_on("cpu", "bf16")
    elif change == "data":
        data = replace(data, interactions=data.interactions.head(-12))
    else:
        data = replace(data, recipe=replace(data.recipe, repeats="first"))
    with pytest.raises(ConfigError, match="used other data, another recipe, another seed or another version"):
        make(data, recipe, unfinished, seed=seed, resume=True, fabric=fabric)


def test_a_run_goes_on_on_another_device_and_says_what_that_costs(
    data: DataSet, recipe_of: MakeRecipe, unfinished: Path
) -> None:
    described = unfinished.with_name(".checkpoint.training") / "job.json"
    described.write_text(described.read_text().replace('"device": "cpu"', '"device": "cuda"'))
    notes = Notes()
    make(data, recipe_of(**NOTHING), unfinished, resume=True, progress=notes)
    assert [line for line in notes.told if "began on cuda" in line] == [
        "Note: this run began on cuda; on cpu sums come out differently in their last digits: it will not end with the "
        "bytes of an unbroken run."
    ]


def test_a_damaged_description_is_another_job(data: DataSet, recipe_of: MakeRecipe, unfinished: Path) -> None:
    (unfinished.with_name(".checkpoint.training") / "job.json").write_bytes(b"\xff{")
    with pytest.raises(ConfigError, match="used other data"):
        make(data, recipe_of(**NOTHING), unfinished, resume=True)


def test_damaged_state_is_refused(data: DataSet, recipe_of: MakeRecipe, unfinished: Path) -> None:
    (unfinished.with_name(".checkpoint.training") / "3-weights.done").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(CheckpointError, match="Remove the file and go on with --resume"):
        make(data, recipe_of(**NOTHING), unfinished, resume=True)


def test_removing_damaged_state_trains_that_stage_again(data: DataSet, recipe_of: MakeRecipe, unfinished: Path) -> None:
    (unfinished.with_name(".checkpoint.training") / "1-static.done").unlink()
    make(data, recipe_of(**NOTHING), unfinished, resume=True)
    again = unfinished.with_name("again")
    make(data, recipe_of(**NOTHING), again)
    assert contents(unfinished) == contents(again)


def test_finished_stages_are_not_run_again(data: DataSet, recipe_of: MakeRecipe, unfinished: Path) -> None:
    begun: list[str] = []

    class Listener(Silent):
        def start(self, stage: str, *, steps: int, done: int) -> None:
            begun.append(stage)

    make(data, recipe_of(**NOTHING), unfinished, resume=True, progress=Listener())
    assert begun == ["tiles", "mapper"]


def test_resume_without_an_unfinished_run_starts_one(data: DataSet, recipe_of: MakeRecipe, tmp_path: Path) -> None:
    make(data, recipe_of(**NOTHING), tmp_path / "checkpoint", resume=True)
    assert (tmp_path / "checkpoint").is_dir()


def test_an_existing_checkpoint_is_replaced_only_by_force(data: DataSet, recipe_of: MakeRecipe, tmp_path: Path) -> None:
    output = tmp_path / "checkpoint"
    make(data, recipe_of(**NOTHING), output)
    before = contents(output)
    for resume in (False, True):
        with pytest.raises(OutputError, match=r"exists\. Add --force to replace it, or choose another name"):
            make(data, recipe_of(**NOTHING), output, seed=1, resume=resume)
    assert contents(output) == before
    make(data, recipe_of(**NOTHING), output, seed=1, force=True)
    assert contents(output) != before


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_force_replaces_nothing_but_a_checkpoint(
    data: DataSet, recipe_of: MakeRecipe, tmp_path: Path, kind: str
) -> None:
    output = tmp_path / "photos"
    kept = output / "holiday.jpg" if kind == "folder" else output
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("precious")
    with pytest.raises(OutputError, match="is not a checkpoint; --force replaces only checkpoints"):
        make(data, recipe_of(**NOTHING), output, force=True)
    assert kept.read_text() == "precious"


def test_a_folder_that_does_not_exist(data: DataSet, recipe_of: MakeRecipe, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"/none is not an existing folder; create it first"):
        make(data, recipe_of(**NOTHING), tmp_path / "none" / "checkpoint")


def test_a_link_to_a_checkpoint_stays_a_link(data: DataSet, recipe_of: MakeRecipe, tmp_path: Path) -> None:
    output = tmp_path / "latest"
    output.symlink_to("monday")
    with pytest.raises(OutputError, match="is a link that leads nowhere"):
        make(data, recipe_of(**NOTHING), output)
    for seed in (0, 1):
        make(data, recipe_of(**NOTHING), output, seed=seed, force=True)
        assert output.is_symlink()
        assert load_checkpoint(tmp_path / "monday").config.training["seed"] == seed
    assert {path.name for path in tmp_path.iterdir()} == {"latest", "monday"}


def test_a_recipe_that_does_not_fit_leaves_nothing_behind(data: DataSet, recipe_of: MakeRecipe, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not fit 24 items"):
        make(data, recipe_of(**NOTHING, model={"item_groups": 25}), tmp_path / "checkpoint")
    assert list(tmp_path.iterdir()) == []


def test_histories_too_short_to_train_on(data: DataSet, recipe_of: MakeRecipe, tmp_path: Path) -> None:
    short = pl.concat(frame.head(3) for frame in data.interactions.partition_by("user_id", maintain_order=True))
    with pytest.raises(InteractionsError, match="No history has two items left to train on"):
        make(replace(data, interactions=short), recipe_of(), tmp_path / "checkpoint")
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_is_not_finite_ends_the_run_and_leaves_no_checkpoint(
    data: DataSet, recipe_of: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poison(run: TrainingRun) -> None:
        run.model.position.data[0, 0] = np.nan
        train_weights(run)

    stages = [Stage(stage.name, poison if stage.name == "weights" else stage.run) for stage in STAGES]
    monkeypatch.setattr(train_module, "STAGES", tuple(stages))
    with pytest.raises(NumericsError, match=r"Stage weights-0, step 1 of \d+: the loss became nan"):
        make(data, recipe_of(**{**NOTHING, "weights": {"epochs": 2}}), tmp_path / "checkpoint")
    assert not (tmp_path / "checkpoint").exists()
