"""Training run, shared by the stages: data, recipe, model, and each stage's part of the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ofa_export.bundle.tile_order import TileOrder, plane_order
from ofa_export.data.histories import Histories, held_out_items
from ofa_export.model.checkpoint import ValidationSet
from ofa_export.model.config import IMPORTED_BACKBONES
from ofa_export.model.elastic_table import group_of_row
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.ranking.metrics import ndcg_at_10
from ofa_export.ranking.scoring import Adapt, score_histories
from ofa_export.training.accelerator import open_fabric
from ofa_export.training.distributed import gathered, mean_over_all, share
from ofa_export.training.softmax_loss import Negatives, NegativeSampler
from ofa_export.training.train_recipe import Optimiser, TrainRecipe
from ofa_export.training.training_loop import stage_seed
from ofa_export.training.training_progress import Progress
from ofa_export.training.windows import Batch, Windows, batches_per_epoch, cut_windows, epoch_batches

if TYPE_CHECKING:
    from lightning_fabric import Fabric

VALIDATION_USERS = 2000
"""Early stopping looks at no more users than this: enough to choose an epoch, few enough to be quick."""

SCORES = 2**26
"""Scores that validation holds at a time, a quarter of a gigabyte."""


@dataclass
class TrainingRun:
    """A training run; stages replace its fields in order.

    Args:
        histories: the data set.
        recipe: the resolved recipe.
        seed: of everything.
        folder: where the run keeps its state.
        progress: who is told.
        model: the network, in evaluation mode between optimisations.
        importance: float32 [G_u, G_v, N], PEEL's block weights.
        tile_orders: order of the tiles of each group's table, G_u of them.
        centroids: float32 [G_u, d].
        user_groups: int32 [U].
        measured: stage -> what it measured.
        fabric: device and precision; see `move_to`.
    """

    histories: Histories
    recipe: TrainRecipe
    seed: int
    folder: Path
    progress: Progress
    model: AdaptiveRecommender
    importance: NDArray[np.float32]
    tile_orders: list[TileOrder]
    centroids: NDArray[np.float32]
    user_groups: NDArray[np.int32]
    measured: dict[str, Any] = field(default_factory=dict)
    fabric: Fabric = field(default_factory=open_fabric)

    def __post_init__(self) -> None:
        self.item_groups = group_of_row(self.model.config.group_sizes)
        users = np.arange(self.histories.users)
        config = self.model.config
        # Other code's networks look at padding as they were trained to.
        padded = config.backbone in IMPORTED_BACKBONES
        self.windows = cut_windows(self.histories, users, history_length=config.history_length, padded=padded)
        chosen = np.random.default_rng(stage_seed(self.seed, "validation")).permutation(self.histories.evaluation_users)
        self.validation_users = np.sort(chosen[:VALIDATION_USERS])
        drawn = np.random.default_rng(stage_seed(self.seed, "probes")).permutation(self.histories.evaluation_users)
        self.kept_users = np.sort(drawn[: self.recipe.probes.users])
        count = self.recipe.negatives
        self.sampler = NegativeSampler(self.histories.popularity, count) if count else None

    def move_to(self, fabric: Fabric) -> None:
        """Train on another device from now on.

        Args:
            fabric: device and precision; launched.
        """
        self.fabric = fabric
        self.model.to(fabric.device)
        self.item_groups = self.item_groups.to(fabric.device)

    def snapshot(self, stage: str) -> Path:
        """Tell where a stage keeps the state of its optimisation."""
        return self.folder / f"{stage}.running"

    def batches(
        self, stage: str, settings: Optimiser, windows: Windows, *, dealt: int = 1
    ) -> Callable[[int], Iterator[Batch]]:
        """Epoch -> batches, for `Task.batches`; see `epoch_batches`."""
        return lambda epoch: epoch_batches(
            windows,
            self.user_groups,
            batch_size=settings.batch_size,
            dealt=dealt,
            seed=(*stage_seed(self.seed, stage), epoch),
        )

    def steps_per_epoch(self, settings: Optimiser, windows: Windows) -> int:
        """Return number of batches of an epoch, for `Task.steps_per_epoch`."""
        return batches_per_epoch(windows, self.user_groups, batch_size=settings.batch_size)

    def negatives(self, generator: np.random.Generator) -> Negatives | None:
        """Draw what stands for the catalogue in a step; None where the loss is over all items.

        Args:
            generator: of the step.
        """
        return self.sampler.draw(generator) if self.sampler else None

    def validation_ndcg(
        self, adapt: Adapt, tables: Callable[[int], Tensor], *, users: NDArray[np.int64] | None = None
    ) -> tuple[float, float]:
        """Return NDCG@10 on validation items, and the share of blocks that were executed.

        Args:
            adapt: `model.adapt` or the static control.
            tables: user group -> item table [V, d].
            users: whose; those of early stopping when None.
        """
        chosen = self.validation_users if users is None else users
        qualities, gates = [], []
        for group in range(self.model.config.user_groups):
            members = chosen[self.user_groups[chosen] == group]
            if len(members) == 0:
                continue
            quality, executed = self._judge(adapt, tables(group), share(members))
            qualities.append(gathered(quality))
            gates.append(gathered(executed))
        return float(np.concatenate(qualities).mean()), float(np.concatenate(gates).mean())

    def _judge(
        self, adapt: Adapt, table: Tensor, users: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """NDCG@10 [n] and executed share of blocks [n, L] of some users; scores of all items at once would be large."""
        config = self.model.config
        step = max(1, min(256, SCORES // config.items))
        qualities, gates = [np.empty(0)], [np.empty((0, config.depth), np.float32)]
        for start in range(0, len(users), step):
            found = held_out_items(
                self.histories, users[start : start + step], split="validation", history_length=config.history_length
            )
            scores, executed = score_histories(self.model, adapt, table, found.history)
            seen = found.history if self.histories.exclude_history else None
            per_position = ndcg_at_10(scores, found.targets, history=seen)
            qualities.append(per_position.reshape(-1, self.histories.held_out).mean(axis=1))
            executed = executed.reshape(-1, self.histories.held_out, config.depth).mean(axis=1)
            gates.append(executed)
        return np.concatenate(qualities), np.concatenate(gates)

    def full_tables(self, group: int) -> Tensor:
        """Return the full-precision table of a user group, [V, d]."""
        return self.model.tables[group].detach()


def mean_divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """Return Kullback-Leibler divergence of a ranking from a better one, over the positions of all processes.

    Args:
        student: logits [n, V].
        teacher: logits [n, V], which learn nothing from it.

    Returns:
        The mean, a scalar.
    """
    part = F.kl_div(
        F.log_softmax(student.float(), dim=-1),
        F.log_softmax(teacher.detach().float(), dim=-1),
        log_target=True,
        reduction="sum",
    )
    return mean_over_all(part, len(student))


def initial_run(
    histories: Histories, recipe: TrainRecipe, *, seed: int, folder: Path, progress: Progress
) -> TrainingRun:
    """Return a run before its first stage.

    Args:
        histories: the data set.
        recipe: the resolved recipe.
        seed: of everything.
        folder: where the run keeps its state.
        progress: who is told.
    """
    config = recipe.model.for_items(histories.items)
    torch.manual_seed(int(np.random.default_rng(stage_seed(seed, "initial")).integers(2**62)))
    G_u, G_v, N = config.user_groups, config.item_groups, config.embedding_blocks
    return TrainingRun(
        histories=histories,
        recipe=recipe,
        seed=seed,
        folder=folder,
        progress=progress,
        model=AdaptiveRecommender(
            config, dropout=recipe.static.dropout, mapper_dropout=recipe.mapper.mapper_dropout
        ).eval(),
        importance=np.ones((G_u, G_v, N), np.float32),
        tile_orders=[plane_order(G_v, N)] * G_u,
        centroids=np.zeros((G_u, config.width), np.float32),
        user_groups=np.zeros(histories.users, np.int32),
    )


def choose_validation(run: TrainingRun) -> ValidationSet:
    """Cut, for each user whose history travels, what came before the validation item, and that item.

    Args:
        run: gives data and users.

    Returns:
        The histories in the order of users.
    """
    found = held_out_items(
        run.histories,
        run.kept_users,
        split="validation",
        history_length=run.model.config.history_length,
    )
    return ValidationSet(histories=found.history, targets=found.targets, user_groups=run.user_groups[found.users])
