"""The checkpoint: a folder of config.json, model.safetensors, items.parquet and validation_histories.safetensors."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from safetensors.numpy import save as save_arrays
from torch import Tensor

from ofa_export.bundle.document import OrderName
from ofa_export.bundle.tile_order import TileOrder
from ofa_export.model.checkpoint_folder import CONFIG, HISTORY_KINDS, ITEMS, VALIDATION, WEIGHTS, HistoryKind
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.model.text_column import TextColumn
from ofa_export.support.frozen_model import FrozenModel
from ofa_export.support.resources import SAMPLE

SCHEMA_VERSION = "1.0"
FORMAT = "ofa-export checkpoint"
ITEM_SCHEMA = {"item_id": pl.String, "title": pl.String}


class DataCard(FrozenModel):
    """Origin of the training data.

    Args:
        name: name of the data set.
        licence: SPDX-like name of its licence.
        attribution: credit that must travel with anything made from it.
        exclude_history: True when an item is bought once, so that rankings leave out the visible history.
    """

    name: str = Field(min_length=1, max_length=200)
    licence: str = Field(max_length=200)
    attribution: str = Field(max_length=4000)
    exclude_history: bool


class CheckpointConfig(FrozenModel):
    """Content of config.json.

    Args:
        model: sizes.
        data: where the training data come from.
        order: how the tiles are ordered: `planes`, `peel` or `magnitude`.
        training: resolved recipe, seed and what each stage measured.
    """

    format: Literal["ofa-export checkpoint"] = "ofa-export checkpoint"
    schema_version: str = SCHEMA_VERSION
    model: ModelConfig
    data: DataCard
    order: OrderName
    training: dict[str, Any] = Field(default_factory=dict)

    @property
    def history_kind(self) -> HistoryKind:
        """What the validation histories are; those of checkpoints that do not say so are of people."""
        said = self.training.get("validation_histories")
        return next((kind for kind in HISTORY_KINDS if kind == said), "real")


@dataclass(frozen=True, kw_only=True)
class ValidationSet:
    """Validation histories: what held-out users had bought, and what came next.

    Args:
        histories: int32 [P, T], item rows, -1 where padded.
        targets: int32 [P], the item row that came next.
        user_groups: int32 [P], user group of each history.
        missed_groups: int32 [M], user group of each history that counts as missed, whatever is recommended: the answer
            is not among the items.
    """

    histories: NDArray[np.int32]
    targets: NDArray[np.int32]
    user_groups: NDArray[np.int32]
    missed_groups: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))

    @property
    def lengths(self) -> NDArray[np.int32]:
        """int32 [P], real items of each history."""
        lengths: NDArray[np.int32] = np.sum(self.histories >= 0, axis=1, dtype=np.int32)
        return lengths

    def rows_of_group(self, group: int) -> NDArray[np.int64]:
        """Return indices of the histories of a user group, `[n]`; of all when the group has none."""
        mine = np.flatnonzero(self.user_groups == group)
        return mine if len(mine) else np.arange(len(self.targets))

    def of_group(self, group: int) -> ValidationSet:
        """Return the histories of a user group, with those that count as missed; all when the group has none."""
        if not (self.user_groups == group).any():
            return self
        rows = self.rows_of_group(group)
        return ValidationSet(
            histories=self.histories[rows],
            targets=self.targets[rows],
            user_groups=self.user_groups[rows],
            missed_groups=self.missed_groups[self.missed_groups == group],
        )

    @property
    def items(self) -> list[NDArray[np.int32]]:
        """Item rows of each history without padding, oldest first."""
        return [rows[rows >= 0] for rows in self.histories]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A trained recommender; `Checkpoint.open` reads one.

    Args:
        config: what config.json holds.
        model: the reference network, in evaluation mode.
        importance: float32 [G_u, G_v, N], PEEL's weights of the embedding blocks.
        tile_orders: order of the tiles of each user group's table, G_u of them.
        centroids: float32 [G_u, d], centres of the user groups.
        item_keys: V keys in row order.
        item_titles: V titles in row order, "" where unknown.
        validation: histories that nothing was trained on.
        sha256: digest over the four files, "" before the checkpoint is saved.
        folder: that it was read from; None before the checkpoint is saved.
    """

    config: CheckpointConfig
    model: AdaptiveRecommender
    importance: NDArray[np.float32]
    tile_orders: tuple[TileOrder, ...]
    centroids: NDArray[np.float32]
    item_keys: Sequence[str]
    item_titles: Sequence[str]
    validation: ValidationSet
    sha256: str = ""
    folder: Path | None = None

    @classmethod
    def open(cls, folder: Path | str) -> Checkpoint:
        """Read and check a checkpoint folder.

        Args:
            folder: as `train` or `import_checkpoint` wrote it.

        Raises:
            CheckpointError: a file of it is missing, damaged or foreign, or holds what a checkpoint must not hold.
        """
        # Imported here: the reader makes checkpoints.
        from ofa_export.model.checkpoint_reader import load_checkpoint

        return load_checkpoint(Path(folder))

    @classmethod
    def sample(cls) -> Checkpoint:
        """Read the checkpoint that travels with this package: 3,145 items of a gift shop (Online Retail)."""
        return cls.open(SAMPLE)

    def table(self, group: int) -> Tensor:
        """Return the item table of a user group, [V, d]."""
        return self.model.tables[group].detach()


def checkpoint_files(checkpoint: Checkpoint) -> dict[str, bytes]:
    """Return the bytes of the four files; the same checkpoint gives the same bytes.

    Args:
        checkpoint: what to write.

    Returns:
        file name -> content.
    """
    weights = {name: np.ascontiguousarray(value.numpy()) for name, value in checkpoint.model.state_dict().items()}
    extra: dict[str, NDArray[Any]] = {
        "importance": checkpoint.importance,
        "tile_order": np.stack([order.tiles for order in checkpoint.tile_orders]),
        "centroids": checkpoint.centroids,
    }
    validation = {
        "histories": checkpoint.validation.histories,
        "targets": checkpoint.validation.targets,
        "user_groups": checkpoint.validation.user_groups,
    }
    columns = {"item_id": checkpoint.item_keys, "title": checkpoint.item_titles}
    items = pl.DataFrame({name: _series(texts) for name, texts in columns.items()}, schema=ITEM_SCHEMA)
    parquet = _parquet(items)
    config = json.dumps(checkpoint.config.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"
    return {
        CONFIG: config.encode(),
        WEIGHTS: save_arrays({**weights, **extra}),
        ITEMS: parquet,
        VALIDATION: save_arrays(validation),
    }


def _series(texts: Sequence[str]) -> pl.Series:
    return texts.series if isinstance(texts, TextColumn) else pl.Series(texts, dtype=pl.String)


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=19, statistics=False)
    return buffer.getvalue()
