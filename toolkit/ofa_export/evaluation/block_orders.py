"""Orders in which whole embedding blocks are given up: PEEL's weights, repairs of them, and what they have to beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ofa_export.model.elastic_table import block_rms
from ofa_export.model.importance import weigh
from ofa_export.training.static_stage import static_loss
from ofa_export.training.training_loop import Task, optimise, stage_seed
from ofa_export.training.training_run import TrainingRun

MASK_RATE = 0.02
"""Adam's rate for weights that are learned by removing blocks; they are logits, and start at 0."""

LOST_AT_A_TIME = 0.05
"""Share of all blocks that go in each round of greedy removal."""

GREEDY_BATCHES = 24


@dataclass(frozen=True, kw_only=True)
class BlockOrder:
    """Weights of all blocks; the largest are kept longest.

    Args:
        name: for programs.
        label: for people.
        weights: from a run after the stage `weights` to finite [G_v, N].
    """

    name: str
    label: str
    weights: Callable[[TrainingRun], NDArray[np.float32]]


def block_orders() -> tuple[BlockOrder, ...]:
    """PEEL's order, the two that PEEL is said to beat, a plain one, and three repairs."""
    return (
        BlockOrder(name="controller", label="controller's weights (PEEL)", weights=_controller),
        BlockOrder(name="equal", label="equal size: first dimensions of every group", weights=_equal),
        BlockOrder(name="random", label="random order", weights=_random),
        BlockOrder(name="magnitude", label="magnitude order", weights=_magnitude),
        BlockOrder(name="scaled", label="controller's weights x magnitude", weights=_scaled),
        BlockOrder(name="removal", label="weights learned by removing blocks", weights=removal_weights),
        BlockOrder(name="greedy", label="greedy removal by gradient", weights=greedy_weights),
    )


def _controller(run: TrainingRun) -> NDArray[np.float32]:
    weights: NDArray[np.float32] = run.importance[0]
    return weights


def _equal(run: TrainingRun) -> NDArray[np.float32]:
    groups, blocks = run.importance[0].shape
    return np.tile(np.arange(blocks, 0, -1, dtype=np.float32), (groups, 1))


def _random(run: TrainingRun) -> NDArray[np.float32]:
    chance = np.random.default_rng(stage_seed(run.seed, "random blocks"))
    weights: NDArray[np.float32] = chance.random(run.importance[0].shape, np.float32)
    return weights


def _magnitude(run: TrainingRun) -> NDArray[np.float32]:
    found: NDArray[np.float32] = block_rms(run.full_tables(0), run.item_groups).numpy()
    return found


def _scaled(run: TrainingRun) -> NDArray[np.float32]:
    """Return what a weight means depends on how large the block is that it multiplies."""
    weights: NDArray[np.float32] = run.importance[0] * _magnitude(run)
    return weights


class RemovalMask(nn.Module):
    """Logits of all blocks, trained through the decision which of them are kept.

    Args:
        groups: G_v.
        blocks: N.
    """

    def __init__(self, groups: int, blocks: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(groups, blocks))

    def keep(self, count: int) -> Tensor:
        """1 for the largest logits and 0 for the others, [G, N], with the gradient of a sigmoid around the last kept.

        Args:
            count: blocks that are kept.
        """
        flat = self.logits.flatten()
        threshold = flat.detach().topk(count).values[-1]
        soft = torch.sigmoid(flat - threshold)
        hard = torch.zeros_like(flat).index_fill_(0, flat.detach().topk(count).indices, 1.0)
        return (hard + soft - soft.detach()).reshape(self.logits.shape)


def removal_weights(run: TrainingRun) -> NDArray[np.float32]:
    """Repair: learn the weights while blocks are really missing, so that their scale cannot hide in the table.

    Every step keeps the largest of a random number of blocks; table and backbone stay as they are.
    Source: our choice, after straight-through top-k selection.

    Args:
        run: after the stage `weights`.

    Returns:
        [G_v, N].
    """
    settings, stage = run.recipe.weights, "removal"
    mask = RemovalMask(*run.importance[0].shape)
    blocks = mask.logits.numel()
    run.model.eval()

    def step(batch: object, generator: np.random.Generator) -> Tensor:
        count = max(1, round(blocks * float(np.exp(generator.uniform(np.log(1 / 16), 0)))))
        table = weigh(run.full_tables(0), mask.keep(min(count, blocks)), run.item_groups)
        return static_loss(run.model, batch, table)  # type: ignore[arg-type]

    optimise(
        Task(
            stage=stage,
            model=mask,
            groups=[{"params": [mask.logits], "lr": MASK_RATE}],
            batches=run.batches(stage, settings, run.windows),
            steps_per_epoch=run.steps_per_epoch(settings, run.windows),
            step=step,
        ),
        settings,
        seed=run.seed,
        snapshot=run.snapshot(stage),
        progress=run.progress,
    )
    found: NDArray[np.float32] = mask.logits.detach().numpy()
    return found


def greedy_weights(run: TrainingRun) -> NDArray[np.float32]:
    """Repair: remove a few blocks at a time, those whose loss the loss feels least, and look again.

    Source: first-order Taylor pruning (Molchanov et al., arXiv 1611.06440, section 2.2), in rounds.

    Args:
        run: after the stage `weights`.

    Returns:
        [G_v, N], the later a block goes the larger.
    """
    groups, blocks = run.importance[0].shape
    kept, weights = np.ones(groups * blocks, bool), np.zeros(groups * blocks, np.float32)
    batches = run.batches("greedy", run.recipe.weights, run.windows)(0)
    sample = [batch for batch, _ in zip(batches, range(GREEDY_BATCHES), strict=False)]
    run.model.eval()
    lost = 0
    while lost < len(kept):
        mask = torch.from_numpy(kept.reshape(groups, blocks).astype(np.float32)).requires_grad_()
        gradient = np.zeros(len(kept))
        for batch in sample:
            loss = static_loss(run.model, batch, weigh(run.full_tables(0), mask, run.item_groups))
            gradient += torch.autograd.grad(loss, mask)[0].numpy().ravel()
        # To first order the loss rises by minus the gradient when a mask goes from 1 to 0.
        rise = np.where(kept, -gradient, np.inf)
        gone = np.argsort(rise, kind="stable")[: min(max(1, round(LOST_AT_A_TIME * len(kept))), int(kept.sum()))]
        weights[gone] = lost + np.arange(len(gone))
        kept[gone] = False
        lost += len(gone)
    return weights.reshape(groups, blocks)
