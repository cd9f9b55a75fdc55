"""Training recipes: data only, in YAML, every field checked, all mistakes reported together."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from ofa_export.data.data_recipe import DataRecipe, HistoryRecipe, Repeats, Ties
from ofa_export.errors import ConfigError
from ofa_export.model.checkpoint_folder import HistoryKind
from ofa_export.model.config import (
    BackboneName,
    Depth,
    Heads,
    HistoryLength,
    InnerWidth,
    ItemGroups,
    ModelConfig,
    Rank,
    UserGroups,
    Width,
)
from ofa_export.support.frozen_model import FrozenModel

Choice = Literal["history_length", "dropout", "negatives"]
"""What a recipe may leave to the data."""


class ColumnNames(FrozenModel):
    """Names of the columns in the files."""

    user_id: str = "user_id"
    item_id: str = "item_id"
    timestamp: str = "timestamp"
    title: str = "title"


class Data(FrozenModel):
    """Rules for reading an interactions file; the packaged samples know them themselves. See `HistoryRecipe`."""

    min_count: int = Field(default=5, ge=1)
    repeats: Repeats = "first"
    ties: Ties = "shuffle"
    held_out: int = Field(default=1, ge=1, le=1000)
    cold_users: float = Field(default=0.0, ge=0, lt=1)
    columns: ColumnNames = ColumnNames()

    def resolved(self) -> DataRecipe:
        """Return the recipe as the readers take it."""
        return DataRecipe(
            histories=HistoryRecipe(
                min_count=self.min_count,
                repeats=self.repeats,
                ties=self.ties,
                held_out=self.held_out,
                cold_users=self.cold_users,
            ),
            columns=self.columns.model_dump(exclude_defaults=True),
        )


class Sizes(FrozenModel):
    """Sizes of the model that do not depend on the data; see `ModelConfig`."""

    width: Width = 64
    depth: Depth = 2
    heads: Heads = 2
    history_length: HistoryLength = 50
    rank: Rank = 8
    item_groups: ItemGroups = 20
    user_groups: UserGroups = 1
    backbone: BackboneName = "transformer"
    inner_width: InnerWidth | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Sizes:
        if self.width % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide width ({self.width})")
        return self

    def for_items(self, items: int) -> ModelConfig:
        """Return the model's sizes for a catalogue of V items.

        Raises:
            ConfigError: the catalogue is too small for that many item groups, or too large for any model.
        """
        try:
            return ModelConfig(items=items, **self.model_dump())
        except ValidationError as error:
            problems = "; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
            raise ConfigError(
                f"The recipe's model does not fit {items:,} items: {problems}. Change `model` in the recipe."
            ) from error


class Optimiser(FrozenModel):
    """One run of AdamW; see `training.schedule` for the learning rate.

    Args:
        epochs: passes over the training windows; with `patience` at most, and the cool-down comes on top.
        min_steps: more passes where the epochs have fewer steps than this, so that few data are learnt too.
        patience: epochs without a better validation quality after which a stage goes back to its best state, cools
            down and ends; 0 runs all epochs, under a cosine.
        cooldown: epochs of the cool-down, as a share of those that led to the best state; 0 for none.
        batch_size: windows of one step.
        learning_rate: peak learning rate.
        warmup_steps: steps until the peak.
        clip_norm: largest norm of the gradient.
        dropout: share of dropped activations.
        weight_decay: how much of a weight a step takes away, times the learning rate; see `training.weight_decay`.
        average: share that a step leaves of the moving average of all weights, which is then validated and kept in
            place of them, for example 0.999; 0 for no average.
    """

    epochs: int = Field(ge=0, le=1000)
    min_steps: int = Field(default=0, ge=0)
    patience: int = Field(default=0, ge=0, le=1000)
    cooldown: float = Field(default=0.2, ge=0, le=1)
    batch_size: int = Field(default=16, ge=1, le=4096)
    learning_rate: float = Field(gt=0, le=1)
    warmup_steps: int = Field(default=100, ge=0)
    clip_norm: float = Field(default=5.0, gt=0)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    average: float = Field(default=0.0, ge=0, lt=1)

    def passes(self, steps_per_epoch: int) -> int:
        """Epochs that a run takes, with patience at most.

        Args:
            steps_per_epoch: batches of one pass over the data.
        """
        return max(self.epochs, math.ceil(self.min_steps / max(1, steps_per_epoch)))


class WeightsStage(Optimiser):
    """PEEL's bi-level training of the block weights; runs without dropout whatever the recipe says.

    Args:
        controller_learning_rate: of the controller.
        diversity: weight of the bounded diversity term between blocks.
    """

    controller_learning_rate: float = Field(default=1e-4, gt=0, le=1)
    diversity: float = Field(default=0.1, ge=0)


class TilesStage(Optimiser):
    """Fine-tuning under random prefixes of the tile order.

    Args:
        order: how tiles are ordered.
        full_share: share of steps with the full-precision table alone.
        distill: weight of what a prefix learns from the full table in the same step; 0 leaves it to the targets.
    """

    order: Literal["planes", "peel", "magnitude"] = "planes"
    full_share: float = Field(default=0.25, ge=0, le=1)
    distill: float = Field(default=0.0, ge=0)


class MapperStage(Optimiser):
    """Joint training of controller, mapper and backbone.

    Args:
        backbone_learning_rate: of table and backbone; `learning_rate` is that of controller and mapper.
        mapper_dropout: share of z that is dropped.
        target_positions: m, positions at the end of a window that carry the loss.
        keep_share: rho, wanted share of executed blocks.
        sparsity: weight of the two-sided term that draws the share to rho.
        full_share: share of steps with the full-precision table alone.
        distill: weight of what a prefix learns from the full table in the same step; 0 leaves it to the targets.
        nested_ranks: smaller ranks that the mapper is trained for beside `model.rank`; none by default.
    """

    backbone_learning_rate: float = Field(gt=0, le=1)
    mapper_dropout: float = Field(default=0.2, ge=0, lt=1)
    target_positions: int = Field(default=8, ge=1)
    keep_share: float = Field(default=1.0, gt=0, le=1)
    sparsity: float = Field(default=1.0, ge=0)
    full_share: float = Field(default=0.5, ge=0, le=1)
    distill: float = Field(default=0.0, ge=0)
    # A list of YAML is as good as a tuple.
    nested_ranks: tuple[Rank, ...] = Field(default=(), strict=False)


class ValidationStage(FrozenModel):
    """Validation histories that travel with the checkpoint.

    Args:
        users: how many people's, or as many as there are.
        histories: `real`, or what stands for them where no person's may be stored; see `training.kept_histories`.
    """

    users: int = Field(default=1000, ge=1)
    histories: HistoryKind = "real"


class TrainRecipe(FrozenModel):
    """Everything that decides a training run besides data and seed.

    Args:
        description: what the recipe is for and how long it takes.
        data: how the interactions file is read; None for the defaults, and for the packaged samples.
        model: sizes.
        static: the static backbone.
        groups: refinement of each user group's table; skipped when there is one group.
        weights: PEEL's controller.
        tiles: the elastic table.
        mapper: Forward-OFA.
        negatives: items that stand for the catalogue in the loss of a step; 0 for a loss over all items.
        probes: validation histories for plan and validate.
        from_data: what is chosen from the data in place of a number here; `training.from_data` has the rules.
    """

    description: str
    data: Data | None = None
    model: Sizes
    static: Optimiser
    groups: Optimiser
    weights: WeightsStage
    tiles: TilesStage
    mapper: MapperStage
    negatives: int = Field(default=0, ge=0, le=65536)
    probes: ValidationStage
    # A list of YAML is as good as a tuple.
    from_data: tuple[Choice, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _nothing_is_both_given_and_chosen(self) -> TrainRecipe:
        stages = {name: value for name, value in self if isinstance(value, Optimiser)}
        given = {
            "history_length": ["model.history_length"] * ("history_length" in self.model.model_fields_set),
            "dropout": [f"{name}.dropout" for name, stage in stages.items() if "dropout" in stage.model_fields_set],
            "negatives": ["negatives"] * ("negatives" in self.model_fields_set),
        }
        for name in self.from_data:
            if given[name]:
                raise ValueError(
                    f"{name} is chosen from the data (from_data), so leave out {' and '.join(given[name])}"
                )
        return self

    @model_validator(mode="after")
    def _ranks_are_nested(self) -> TrainRecipe:
        for rank in self.mapper.nested_ranks:
            if rank >= self.model.rank:
                raise ValueError(f"mapper.nested_ranks ({rank}) must all be below model.rank ({self.model.rank})")
        return self
