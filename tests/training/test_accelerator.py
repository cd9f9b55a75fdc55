from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pretended_device import DEVICE, PretendedFabric, pretended_device

from ofa_export.data.sample import DataSet
from ofa_export.errors import ConfigError
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.training.accelerator import DEVICES, fabric_on, open_fabric, precision_of, processes
from ofa_export.training.softmax_loss import NegativeSampler
from ofa_export.training.static_stage import static_loss
from ofa_export.training.train import train
from ofa_export.training.train_recipe import TrainRecipe
from ofa_export.training.training_progress import Silent
from ofa_export.training.training_run import TrainingRun

MakeRecipe = Callable[..., TrainRecipe]
MakeRun = Callable[..., TrainingRun]


def test_auto_takes_a_device_that_is_here() -> None:
    fabric = open_fabric(device="auto")
    assert fabric.device.type in DEVICES
    assert (fabric.world_size, precision_of(fabric)) == (1, "fp32")
    assert torch.ones(1, device=fabric.device).sum().item() == 1


def test_a_device_that_is_not_here_is_refused_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"^There is no mps device .*; there is cpu\. Use --device cpu or auto\.$"):
        open_fabric(device="mps")
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(ConfigError, match=r"or install a PyTorch with CUDA: the one here was built without it\.$"):
        open_fabric(device="cuda")


def test_more_processes_than_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match=r"^torchrun started 2 processes on this machine, which has 1 mps device\."):
        open_fabric(device="mps")


@pytest.mark.parametrize(
    ("device", "precision", "said"),
    [("gpu", "fp32", "Use --device auto, cpu, cuda or mps."), ("cpu", "fp16", "Use --precision fp32 or bf16.")],
)
def test_names_that_do_not_exist_are_refused(device: str, precision: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        open_fabric(device=device, precision=precision)


@pytest.mark.parametrize(
    ("capabilities", "has"),
    [({"avx512_bf16": True}, True), ({"neon": True, "bf16": True}, True), ({"avx2": True}, False)],
)
def test_bf16_needs_a_processor_that_has_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], has: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    if has:
        assert precision_of(open_fabric(precision="bf16")) == "bf16"
    else:
        with pytest.raises(ConfigError, match=r"^This processor has no instructions .* --precision fp32\.$"):
            open_fabric(precision="bf16")


def test_other_launchers_variables_start_no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SLURM_PROCID", "3")
    with processes(open_fabric()):
        assert not torch.distributed.is_initialized()
    assert os.environ["SLURM_NTASKS"] == "4"


def made(data: DataSet, recipe: TrainRecipe, output: Path, **options: Any) -> Checkpoint:
    given = {"seed": 0, "resume": False, "force": False, "progress": Silent(), **options}
    return train(data, recipe, output, **given)


EVERYTHING: dict[str, dict[str, Any]] = {
    "model": {"user_groups": 2},
    "static": {"epochs": 1},
    "groups": {"epochs": 1},
    "weights": {"epochs": 1},
    "tiles": {"epochs": 2, "order": "magnitude", "distill": 0.5, "patience": 1},
    "mapper": {"epochs": 1, "nested_ranks": (1,), "distill": 0.5, "average": 0.9},
}


@pytest.mark.integration
# PyTorch takes the device's name for what it usually is, tensors without numbers.
@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")
def test_every_stage_follows_the_device(data: DataSet, recipe_of: MakeRecipe, tmp_path: Path) -> None:
    """No number stays behind on the processor, and the result is what the processor makes."""
    recipe = recipe_of(**EVERYTHING)
    expected = made(data, recipe, tmp_path / "here")
    with pretended_device():
        found = made(data, recipe, tmp_path / "there", fabric=PretendedFabric())
    assert found.config.training["device"] == DEVICE.type
    for name, value in expected.model.state_dict().items():
        assert torch.equal(found.model.state_dict()[name].detach().cpu(), value), name
    np.testing.assert_array_equal(found.importance, expected.importance)
    np.testing.assert_array_equal(found.centroids, expected.centroids)


def test_a_sampled_softmax_follows_the_device(run_of: MakeRun) -> None:
    run = run_of()
    sampler = NegativeSampler(run.histories.popularity, 8)
    batch = next(run.batches("static", run.recipe.static, run.windows)(0))

    def loss() -> float:
        negatives = sampler.draw(np.random.default_rng(0))
        return static_loss(run.model, batch, run.model.tables[0], negatives=negatives).item()

    here = loss()
    with pretended_device():
        run.move_to(PretendedFabric())
        batch = batch.to(DEVICE)
        assert loss() == here


@pytest.mark.integration
def test_in_bf16_products_are_rounded_and_parameters_are_not(
    data: DataSet, recipe_of: MakeRecipe, tmp_path: Path
) -> None:
    # Any processor computes it, though some slowly.
    fabric = fabric_on("cpu", "bf16")
    single, half = (
        made(data, recipe_of(**EVERYTHING), tmp_path / name, fabric=given)
        for name, given in (("single", None), ("half", fabric))
    )
    assert half.config.training["precision"] == "bf16"
    tables = single.model.tables, half.model.tables
    assert tables[1].dtype == torch.float32
    assert not torch.equal(*tables)
    assert (tables[0] - tables[1]).norm() < 0.1 * tables[0].norm()
