from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.ranking.scoring import score_histories
from ofa_export.training.accelerator import open_fabric, processes
from ofa_export.training.distributed import from_first, gathered, is_first, scattered, share, total
from ofa_export.training.train_recipe import TrainRecipe

MakeRecipe = Callable[..., TrainRecipe]

DRIVER = Path(__file__).parent / "shared_training.py"
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
# One window is left over in an epoch of each group, so that the second process has nothing to do in that step.
SETTINGS: dict[str, Any] = {"dropout": 0.0, "batch_size": 7}


def test_a_single_process_shares_with_nobody() -> None:
    with processes(open_fabric()):
        assert is_first()
        work, part = np.arange(5), torch.arange(3.0)
        assert share(work) is work
        assert gathered(work) is work
        assert total(part) is part
        assert scattered(part) is part
        assert from_first(lambda: 4) == 4


def launch(
    recipe: TrainRecipe, output: Path, *, launcher: tuple[str, ...], resume: bool = False, stop_at: str | None = None
) -> int:
    job = {"recipe": recipe.model_dump(), "output": str(output), "resume": resume, "stop_at": stop_at}
    path = output.with_suffix(".job")
    path.write_text(json.dumps(job))
    return subprocess.run([*launcher, DRIVER, path], check=False, capture_output=stop_at is not None).returncode


@pytest.fixture(scope="module")
def recipe(recipe_of: MakeRecipe) -> TrainRecipe:
    return recipe_of(
        model={"user_groups": 2},
        static=SETTINGS,
        groups=SETTINGS,
        weights=SETTINGS,
        tiles={**SETTINGS, "order": "peel", "patience": 1, "weight_decay": 0.1, "average": 0.9},
        mapper={**SETTINGS, "mapper_dropout": 0.0, "keep_share": 0.7},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def alone(recipe: TrainRecipe, folder: Path) -> Checkpoint:
    """What a single process makes."""
    assert launch(recipe, folder / "alone", launcher=(sys.executable,)) == 0
    return load_checkpoint(folder / "alone")


@pytest.fixture(scope="module")
def together(recipe: TrainRecipe, folder: Path) -> Checkpoint:
    """What two processes make."""
    assert launch(recipe, folder / "together", launcher=TORCHRUN) == 0
    return load_checkpoint(folder / "together")


@pytest.mark.integration
def test_two_processes_make_what_one_makes(alone: Checkpoint, together: Checkpoint) -> None:
    expected, found = alone.model.state_dict(), together.model.state_dict()
    assert any((expected[name] != found[name]).any() for name in expected), "the same sums in the same order?"
    for name, value in expected.items():
        # A bias of keys shifts all scores of a query alike, so its gradient is rounding, which Adam blows up; the
        # generators' last layers have outputs that stand for such biases.
        if not name.endswith(("key.static.bias", "key.bias")) and ".out." not in name:
            torch.testing.assert_close(
                found[name], value, rtol=1e-4, atol=1e-5, msg=lambda text, name=name: name + text
            )
    np.testing.assert_allclose(together.importance, alone.importance, rtol=1e-4)
    np.testing.assert_allclose(together.centroids, alone.centroids, rtol=1e-3, atol=1e-5)
    assert np.array_equal(together.validation.user_groups, alone.validation.user_groups)


@pytest.mark.integration
def test_two_processes_score_as_one_does(alone: Checkpoint, together: Checkpoint) -> None:
    scores = []
    for made in (alone, together):
        found, _ = score_histories(
            made.model, made.model.adapt, made.model.tables[0].detach(), made.validation.histories
        )
        scores.append(found)
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-3, atol=1e-4)


@pytest.mark.integration
def test_two_processes_measure_what_one_measures(alone: Checkpoint, together: Checkpoint) -> None:
    expected, found = alone.config.training["measured"], together.config.training["measured"]
    assert found["groups"]["sizes"] == expected["groups"]["sizes"]
    for stage in ("static", "groups", "tiles", "mapper"):
        assert found[stage]["best_epoch"] == expected[stage]["best_epoch"]
        assert found[stage]["history"] == pytest.approx(expected[stage]["history"], abs=1e-6)


@pytest.mark.integration
def test_one_process_finishes_what_two_began(recipe: TrainRecipe, alone: Checkpoint, folder: Path) -> None:
    assert launch(recipe, folder / "began", launcher=TORCHRUN, stop_at="tiles") != 0
    assert (folder / ".began.training" / "tiles.running").exists()
    assert launch(recipe, folder / "began", launcher=(sys.executable,), resume=True) == 0
    finished = load_checkpoint(folder / "began")
    expected, found = alone.config.training["measured"], finished.config.training["measured"]
    for stage in ("static", "groups", "tiles", "mapper"):
        assert found[stage]["history"] == pytest.approx(expected[stage]["history"], abs=1e-6)
    told = stages(folder / "began.alone.json")
    assert told[0].startswith("tiles: 2 of "), "the stages before it, and two of its steps, were not done again"


def stages(path: Path) -> list[str]:
    """What a process said of its stages; before them it speaks of the data."""
    return [
        line
        for line in json.loads(path.read_text())
        if re.match(r"(static|groups|weights-\d|tiles|mapper): \d+ of ", line)
    ]


@pytest.mark.integration
def test_two_processes_that_were_stopped_go_on_with_the_same_bytes(
    recipe: TrainRecipe, together: Checkpoint, folder: Path
) -> None:
    assert launch(recipe, folder / "stopped", launcher=TORCHRUN, stop_at="tiles") != 0
    assert (folder / ".stopped.training" / "tiles.running").exists()
    assert launch(recipe, folder / "stopped", launcher=TORCHRUN, resume=True) == 0
    assert not (folder / ".stopped.training").exists()
    for path in (folder / "together").iterdir():
        assert (folder / "stopped" / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.integration
def test_only_the_first_process_speaks(together: Checkpoint, folder: Path) -> None:
    assert json.loads((folder / "together.1.json").read_text()) == []
    # A stage that cools down begins a second time.
    told = [line.split(":")[0] for line in stages(folder / "together.0.json") if "epoch" not in line]
    assert list(dict.fromkeys(told)) == [
        "static",
        "groups",
        "weights-0",
        "weights-1",
        "tiles",
        "mapper",
    ]
