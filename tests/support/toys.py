"""Small checkpoints with random weights, for whatever has to convert real graphs in a test or a benchmark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ofa_export.bundle.tile_order import plane_order
from ofa_export.model.checkpoint import Checkpoint, CheckpointConfig, DataCard, ValidationSet, checkpoint_files
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender

CONFIG = ModelConfig(items=60, width=16, depth=2, heads=2, history_length=8, rank=2, item_groups=3)
VALIDATION = 24


def random_model(seed: int, config: ModelConfig = CONFIG) -> AdaptiveRecommender:
    """Random weights whose gates differ between histories and whose thetas matter; no bias is 0 and no gain 1."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = AdaptiveRecommender(config).eval().requires_grad_(False)
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
        _adapt(model)
    return model


def two_group_model() -> AdaptiveRecommender:
    """The same for two user groups, but biases and gains are as a network begins with."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(5)
        model = AdaptiveRecommender(CONFIG.model_copy(update={"user_groups": 2})).eval().requires_grad_(False)
        _adapt(model)
    return model


def _adapt(model: AdaptiveRecommender) -> None:
    """Draw a mapper and a controller that answer differently to different histories."""
    for generator in model.mapper.generators:
        generator.out.weight.normal_(0, 0.05)
        generator.out.bias.normal_(0, 0.05)
    model.controller.head_out.weight.normal_(0, 1.5)
    model.controller.head_out.bias.copy_(torch.tensor([0.0, 0.5]).repeat(model.config.depth))


def save_checkpoint(folder: Path, model: AdaptiveRecommender) -> Path:
    """Write a checkpoint with random validation histories."""
    config, rng = model.config, np.random.default_rng(3)
    histories = np.full((VALIDATION, config.history_length), -1, np.int32)
    targets = np.empty(VALIDATION, np.int32)
    for number in range(VALIDATION):
        length = 1 + number % config.history_length
        *history, targets[number] = rng.permutation(config.items)[: length + 1]
        histories[number, -length:] = history
    user_groups, groups, blocks = config.user_groups, config.item_groups, config.embedding_blocks
    files = checkpoint_files(
        Checkpoint(
            config=CheckpointConfig(
                model=model.config,
                data=DataCard(name="toy", licence="CC0-1.0", attribution="Drawn by nobody.", exclude_history=True),
                order="planes",
            ),
            model=model,
            importance=np.ones((user_groups, groups, blocks), np.float32),
            tile_orders=(plane_order(groups, blocks),) * user_groups,
            centroids=np.zeros((user_groups, config.width), np.float32),
            item_keys=tuple(f"K{row}" for row in range(config.items)),
            item_titles=tuple(f"Title {row}" for row in range(config.items)),
            validation=ValidationSet(
                histories=histories, targets=targets, user_groups=np.arange(VALIDATION, dtype=np.int32) % user_groups
            ),
        )
    )
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
