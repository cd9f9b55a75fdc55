"""Stage `weights`: importance weights of the embedding blocks, trained bi-level (PEEL, section 3.4).

The weights decide an order and nothing else: their scale is not identified, because the table can undo it, so the
table that is trained under the weights is thrown away (our choice). The backbone stays in evaluation mode: weights
should tell blocks apart, not noise, so the recipe's dropout does not apply here.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ofa_export.model.importance import ImportanceController, block_diversity, popularity_features, weigh
from ofa_export.training.distributed import total
from ofa_export.training.softmax_loss import Negatives
from ofa_export.training.static_stage import static_loss
from ofa_export.training.train_recipe import Optimiser
from ofa_export.training.training_loop import Task, optimise, stage_seed
from ofa_export.training.training_run import TrainingRun
from ofa_export.training.windows import Batch, Windows

CONTROLLER_USERS = 0.1
"""Share of users that the controller learns from; in this stage the table never sees them."""

LOSS_MEMORY = 0.99
"""Decay of the running loss of each item group, which the controller reads."""


class _Bilevel(nn.Module):
    """Parameters that the stage trains: a copy of one group's table, and the controller."""

    popularity: Tensor
    group_loss: Tensor

    def __init__(self, run: TrainingRun, group: int) -> None:
        super().__init__()
        config = run.model.config
        self.table = nn.Parameter(run.full_tables(group).clone())
        self.controller = ImportanceController(config.item_groups, config.embedding_blocks)
        counts = torch.from_numpy(run.histories.popularity).to(run.fabric.device)
        self.register_buffer("popularity", popularity_features(counts, run.item_groups, config.item_groups))
        self.register_buffer("group_loss", torch.zeros(config.item_groups))

    def alpha(self) -> Tensor:
        result: Tensor = self.controller(self.popularity, self.group_loss)
        return result


def train_weights(run: TrainingRun) -> None:
    """Train table copy and controller side by side: the table on training users, the controller on held-out ones.

    Args:
        run: its importance is replaced; its model stays as it was.
    """
    for group in range(run.model.config.user_groups):
        run.importance[group] = _train_group(run, group)
    run.measured["weights"] = {"spread": [float(alpha.std()) for alpha in run.importance]}


def _train_group(run: TrainingRun, group: int) -> NDArray[np.float32]:
    settings, stage = run.recipe.weights, f"weights-{group}"
    torch.manual_seed(int(np.random.default_rng(stage_seed(run.seed, stage)).integers(2**62)))
    module = _Bilevel(run, group).to(run.fabric.device)
    windows, held_out = _split(run, group)
    optimise(
        Task(
            stage=stage,
            model=module,
            groups=[
                {"params": [module.table], "lr": settings.learning_rate},
                {"params": list(module.controller.parameters()), "lr": settings.controller_learning_rate},
            ],
            batches=run.batches(stage, settings, windows),
            steps_per_epoch=run.steps_per_epoch(settings, windows),
            step=lambda batch, generator: _bilevel_loss(
                run, module, batch, _draw(held_out, settings, generator).to(run.fabric.device), run.negatives(generator)
            ),
        ),
        settings,
        seed=run.seed,
        snapshot=run.snapshot(stage),
        progress=run.progress,
        fabric=run.fabric,
    )
    alpha: NDArray[np.float32] = module.alpha().detach().cpu().numpy()
    return alpha


def _bilevel_loss(
    run: TrainingRun, module: _Bilevel, inner: Batch, outer: Batch, negatives: Negatives | None
) -> Tensor:
    """Both losses in one: each sees the other's variable as a constant, which is the first-order approximation."""
    alpha = module.alpha()
    weighed = weigh(module.table, alpha.detach(), run.item_groups)
    table_loss = static_loss(run.model, inner, weighed, negatives=negatives)
    _remember_losses(run, module, inner, alpha)
    weighed = weigh(module.table.detach(), alpha, run.item_groups)
    controller_loss = static_loss(run.model, outer, weighed, negatives=negatives)
    return table_loss + run.recipe.weights.diversity * block_diversity(module.table) + controller_loss


@torch.no_grad()
def _remember_losses(run: TrainingRun, module: _Bilevel, batch: Batch, alpha: Tensor) -> None:
    table = weigh(module.table, alpha, run.item_groups)
    where = batch.inputs >= 0
    targets = batch.targets[where]
    states = run.model.static_states(table, batch.inputs)[where]
    losses = nn.functional.cross_entropy((states @ table.T).float(), targets, reduction="none")
    groups = run.item_groups[targets]
    counts = total(torch.bincount(groups, minlength=len(module.group_loss)))
    means = total(torch.zeros_like(module.group_loss).index_add_(0, groups, losses)) / counts.clamp(min=1)
    seen = counts > 0
    module.group_loss[seen] = LOSS_MEMORY * module.group_loss[seen] + (1 - LOSS_MEMORY) * means[seen]


def _split(run: TrainingRun, group: int) -> tuple[Windows, Windows]:
    generator = np.random.default_rng(stage_seed(run.seed, "controller users"))
    windows = run.windows
    mine = run.user_groups[windows.users] == group
    members = generator.permutation(np.unique(windows.users[mine]))
    held_out = np.isin(windows.users, members[: max(1, int(CONTROLLER_USERS * len(members)))])
    inner = mine & ~held_out
    return windows.only(inner), windows.only(held_out)


def _draw(windows: Windows, settings: Optimiser, generator: np.random.Generator) -> Batch:
    chosen = generator.choice(len(windows), min(settings.batch_size, len(windows)), replace=False)
    return windows.batch(chosen, group=0)
