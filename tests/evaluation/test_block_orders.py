from __future__ import annotations

import numpy as np
import pytest
import torch

from ofa_export.evaluation.block_orders import RemovalMask, block_orders, greedy_weights, removal_weights
from ofa_export.evaluation.controls import STARTS, ControlRuns
from ofa_export.model.config import BLOCK_WIDTH
from ofa_export.training.training_run import TrainingRun


def test_a_mask_keeps_the_largest_and_learns_near_the_threshold() -> None:
    mask = RemovalMask(2, 3)
    with torch.no_grad():
        mask.logits.copy_(torch.tensor([[3.0, -1.0, 0.5], [0.0, 2.0, -4.0]]))
    kept = mask.keep(3)
    assert kept.tolist() == [[1, 0, 1], [0, 1, 0]]
    kept.sum().backward()
    assert mask.logits.grad is not None
    assert mask.logits.grad.argmax() == 2
    assert mask.logits.grad.min() > 0


@pytest.fixture
def run(runs: ControlRuns) -> TrainingRun:
    """A trained net whose last block of every item is made harmful: nothing but noise."""
    made = runs.run(STARTS["weights"])
    with torch.no_grad():
        noise = torch.randn(made.model.tables[:, :, -BLOCK_WIDTH:].shape, generator=torch.Generator().manual_seed(5))
        made.model.tables[:, :, -BLOCK_WIDTH:] = 3 * made.model.tables.std() * noise
    longer = made.recipe.weights.model_copy(update={"epochs": 40, "warmup_steps": 5})
    made.recipe = made.recipe.model_copy(update={"weights": longer})
    return made


@pytest.mark.integration
def test_orders_differ_and_weigh_every_block(run: TrainingRun) -> None:
    found = {order.name: order.weights(run) for order in block_orders()}
    assert len(found) == len(block_orders()) == 7
    ranks = {name: tuple(np.argsort(weights, axis=None)) for name, weights in found.items()}
    for name, weights in found.items():
        assert weights.shape == run.importance[0].shape, name
        assert np.isfinite(weights).all(), name
    assert len(set(ranks.values())) >= 5


@pytest.mark.integration
@pytest.mark.parametrize("weigh", [removal_weights, greedy_weights])
def test_repairs_give_up_harmful_blocks_first(weigh, run: TrainingRun) -> None:
    weights = weigh(run)
    assert weights[:, -1].mean() < weights[:, :-1].min()
    assert np.array_equal(weights, weigh(run))
