"""Stage `static`: the SASRec backbone, the start of all other stages and the control (docs/training.md)."""

from __future__ import annotations

from torch import Tensor

from ofa_export.model.network import AdaptiveRecommender
from ofa_export.ranking.scoring import static_adapt
from ofa_export.training.dropout import set_dropout
from ofa_export.training.softmax_loss import Negatives, softmax_loss
from ofa_export.training.training_loop import Task, Verdict, optimise
from ofa_export.training.training_run import TrainingRun
from ofa_export.training.windows import Batch

DEALT = 16
"""Batches whose windows are dealt out by length. Only here: where parameters are generated, steps that see short
histories alone teach badly (tests/training/test_planted.py: adapting led by .02 in place of the .05 it asks for)."""


def train_static(run: TrainingRun) -> None:
    """Train table and backbone on every position of every window at once.

    Args:
        run: its model is trained in place.
    """
    settings = run.recipe.static
    model = run.model
    set_dropout(model, settings.dropout)
    parameters = model.backbone_parameters()
    run.measured["static"] = optimise(
        Task(
            stage="static",
            model=model,
            groups=[{"params": parameters, "lr": settings.learning_rate}],
            batches=run.batches("static", settings, run.windows, dealt=DEALT),
            steps_per_epoch=run.steps_per_epoch(settings, run.windows),
            # Groups do not exist yet: one table is trained and later copied to each.
            step=lambda batch, generator: static_loss(
                model, batch, model.tables[0], negatives=run.negatives(generator)
            ),
            validate=lambda: Verdict(quality=run.validation_ndcg(static_adapt(model), lambda _: run.full_tables(0))[0]),
        ),
        settings,
        seed=run.seed,
        snapshot=run.snapshot("static"),
        progress=run.progress,
        fabric=run.fabric,
    )
    model.tables.data[:] = model.tables.data[0]
    run.measured["static"]["probes"] = run.validation_ndcg(static_adapt(model), run.full_tables, users=run.kept_users)[
        0
    ]


def static_loss(
    model: AdaptiveRecommender, batch: Batch, table: Tensor, *, negatives: Negatives | None = None
) -> Tensor:
    """Return loss of the static net on a batch.

    Args:
        model: the network.
        batch: windows.
        table: [V, d], which the history and the softmax are read from.
        negatives: what stands for the catalogue; all items when None.

    Returns:
        Mean cross-entropy over all real positions, a scalar.
    """
    where = batch.inputs >= 0
    states = model.static_states(table, batch.inputs)[where]
    return softmax_loss(states, table, batch.targets[where], negatives=negatives)
