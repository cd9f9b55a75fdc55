"""A small model whose every part matters, histories of all lengths, and a checkpoint of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ofa_export.bundle.tile_order import plane_order
from ofa_export.model.checkpoint import Checkpoint, CheckpointConfig, DataCard, ValidationSet, checkpoint_files
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender

CONFIG = ModelConfig(items=30, width=16, depth=3, heads=2, history_length=6, rank=2, item_groups=4, user_groups=2)


@pytest.fixture
def config() -> ModelConfig:
    return CONFIG


def random_model(config: ModelConfig = CONFIG, *, seed: int = 3) -> AdaptiveRecommender:
    """Random weights everywhere: generators that start at zero and gates that start open would hide mistakes."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        made = AdaptiveRecommender(config).eval().requires_grad_(False)
        for parameter in made.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
        for generator in made.mapper.generators:
            generator.out.weight.normal_(0, 0.1)
            generator.out.bias.normal_(0, 0.1)
        made.controller.head_out.weight.normal_(0, 1.5)
        made.controller.head_out.bias.copy_(torch.tensor([0.0, 0.5]).repeat(config.depth))
    return made


@pytest.fixture
def model() -> AdaptiveRecommender:
    """A model of its own for each test, which may change it."""
    return random_model()


@pytest.fixture(scope="session")
def histories() -> Tensor:
    """int64 [T, T]: one history of each length 1..T."""
    rng = np.random.default_rng(5)
    T = CONFIG.history_length
    rows = torch.full((T, T), -1, dtype=torch.int64)
    for length in range(1, T + 1):
        rows[length - 1, T - length :] = torch.from_numpy(rng.permutation(CONFIG.items)[:length])
    return rows


@pytest.fixture(scope="session")
def checkpoint(histories: Tensor) -> Checkpoint:
    G_u, G_v, N = CONFIG.user_groups, CONFIG.item_groups, CONFIG.embedding_blocks
    rng = np.random.default_rng(6)
    return Checkpoint(
        config=CheckpointConfig(
            model=CONFIG,
            data=DataCard(name="toy", licence="CC0", attribution="nobody", exclude_history=True),
            order="planes",
            training={"seed": 1, "rate": 1e-3},
        ),
        model=random_model(),
        importance=rng.random((G_u, G_v, N), np.float32),
        tile_orders=(plane_order(G_v, N),) * G_u,
        centroids=rng.normal(size=(G_u, CONFIG.width)).astype(np.float32),
        item_keys=tuple(f"K{row}" for row in range(CONFIG.items)),
        item_titles=tuple(f"Täßchen {row}" for row in range(CONFIG.items)),
        validation=ValidationSet(
            histories=histories.numpy().astype(np.int32),
            targets=np.arange(len(histories), dtype=np.int32),
            user_groups=np.array([0, 1] * (len(histories) // 2), np.int32),
        ),
    )


@pytest.fixture(scope="session")
def files(checkpoint: Checkpoint) -> dict[str, bytes]:
    return checkpoint_files(checkpoint)


@pytest.fixture
def folder(files: dict[str, bytes], tmp_path: Path) -> Path:
    """The checkpoint as a folder, which a test may damage."""
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path
