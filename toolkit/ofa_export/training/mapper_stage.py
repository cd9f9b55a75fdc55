"""Stage `mapper`: controller, mapper and backbone together (Forward-OFA, section 3.4; split of windows: our choice)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ofa_export.data.histories import PAD
from ofa_export.model.controller import sampled_gates
from ofa_export.model.network import Adaptation, AdaptiveRecommender
from ofa_export.model.reductions.caps import at_ranks
from ofa_export.ranking.scoring import Adapt, static_adapt
from ofa_export.training.distributed import mean_over_all, scattered, share
from ofa_export.training.dropout import set_dropout
from ofa_export.training.softmax_loss import Negatives, softmax_loss
from ofa_export.training.tiles_stage import random_prefix_table
from ofa_export.training.training_loop import Task, Verdict, optimise
from ofa_export.training.training_run import TrainingRun, mean_divergence
from ofa_export.training.windows import Batch

SHARE_TOLERANCE = 0.1
"""A state counts for early stopping when it executes at most this much more than the wanted share of blocks."""


def train_mapper(run: TrainingRun) -> None:
    """Train everything jointly, gates sampled, tables under random prefixes.

    Args:
        run: its model is trained in place.
    """
    model = run.model
    run.measured["mapper"] = fit_adaptive(run, stage="mapper", adapt=model.adapt)
    quality, share = run.validation_ndcg(model.adapt, run.full_tables)
    control, _ = run.validation_ndcg(static_adapt(model), run.full_tables)
    validation, _ = run.validation_ndcg(model.adapt, run.full_tables, users=run.kept_users)
    run.measured["mapper"] |= {
        "validation": quality,
        "executed_share": share,
        "same_net_unadapted": control,
        "probes": validation,
    }
    if nested := run.recipe.mapper.nested_ranks:
        run.measured["mapper"]["validation_at_rank"] = {
            str(rank): run.validation_ndcg(_adapt_at(model, rank), run.full_tables)[0] for rank in nested
        }


def _adapt_at(model: AdaptiveRecommender, rank: int) -> Adapt:
    return lambda x, valid: at_ranks(model, model.adapt(x, valid), torch.full((len(x),), rank, device=x.device))


def fit_adaptive(run: TrainingRun, *, stage: str, adapt: Adapt) -> dict[str, float | int | list[float]]:
    """Run the mapper stage's optimisation for any way to adapt; with `static_adapt` it trains the control alike.

    Args:
        run: its model is trained in place.
        stage: name, part of every seed.
        adapt: from an embedded history to gates and parameters.

    Returns:
        What `optimise` returns.
    """
    settings, model = run.recipe.mapper, run.model
    set_dropout(model, settings.dropout, mapper_share=settings.mapper_dropout)
    generated = [*model.controller.parameters(), *model.mapper.parameters()]
    backbone = model.backbone_parameters()

    def step(batch: Batch, generator: np.random.Generator) -> Tensor:
        full = model.tables[batch.group]
        compressed = None
        if generator.random() >= settings.full_share:
            compressed = random_prefix_table(run, full, batch.group, generator)
        ranks = draw_ranks(settings.nested_ranks, len(batch.inputs), generator)
        loss, keep_logits = adaptive_loss(
            model,
            adapt,
            batch,
            full if compressed is None else compressed,
            target_positions=settings.target_positions,
            ranks=ranks,
            negatives=run.negatives(generator),
            teacher=full if compressed is not None and settings.distill else None,
            distill=settings.distill,
        )
        return loss + settings.sparsity * share_penalty(keep_logits, settings.keep_share)

    def validate() -> Verdict:
        quality, share = run.validation_ndcg(adapt, run.full_tables)
        # Early stopping must not choose a state that ignores the wanted share, such as the one before training.
        eligible = share <= settings.keep_share + SHARE_TOLERANCE
        return Verdict(quality=quality, eligible=eligible, remark=f"with {share:.0%} of blocks")

    return optimise(
        Task(
            stage=stage,
            model=model,
            groups=[
                {"params": generated, "lr": settings.learning_rate},
                {"params": backbone, "lr": settings.backbone_learning_rate},
            ],
            batches=run.batches(stage, settings, run.windows),
            steps_per_epoch=run.steps_per_epoch(settings, run.windows),
            step=step,
            validate=validate,
        ),
        settings,
        seed=run.seed,
        snapshot=run.snapshot(stage),
        progress=run.progress,
        fabric=run.fabric,
    )


def adaptive_loss(
    model: AdaptiveRecommender,
    adapt: Adapt,
    batch: Batch,
    table: Tensor,
    *,
    target_positions: int,
    ranks: Tensor | None = None,
    negatives: Negatives | None = None,
    teacher: Tensor | None = None,
    distill: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Parameters from the beginning of each window, loss on its end: no position sees what it predicts.

    Args:
        model: the network.
        adapt: from an embedded history to gates and parameters.
        batch: windows.
        table: [V, d].
        target_positions: m, positions that carry the loss; at most half of a short window.
        ranks: int64 [B], a smaller rank for each window; its loss counts as much as that of the full rank.
        negatives: what stands for the catalogue; all items when None. The divergence is over all items.
        teacher: [V, d], the full table, which is trained in the same step and which `table` learns from.
        distill: weight of the divergence from the teacher's ranking.

    Returns:
        Mean loss, a scalar, and keep_logits [B, L, 2].
    """
    beginnings, where = split_windows(batch.inputs, target_positions)
    targets = batch.targets[where]

    def adapted(table: Tensor) -> Adaptation:
        return adapt(*model.embed_rows(table, beginnings))

    found = adapted(table)
    states = _assembled_states(model, found, batch, table, where)
    loss = softmax_loss(states, table, targets, negatives=negatives)
    if ranks is not None:
        # Every step trains the full rank: taking turns costs it much more (docs/training.md, "Elastic mapper").
        narrower = _assembled_states(model, at_ranks(model, found, ranks.to(table.device)), batch, table, where)
        loss = (loss + softmax_loss(narrower, table, targets, negatives=negatives)) / 2
    if teacher is not None:
        better = _assembled_states(model, adapted(teacher), batch, teacher, where)
        divergence = mean_divergence(states @ table.T, better @ teacher.T)
        loss = loss + softmax_loss(better, teacher, targets, negatives=negatives) + distill * divergence
    return loss, found.keep_logits


def _assembled_states(
    model: AdaptiveRecommender, found: Adaptation, batch: Batch, table: Tensor, where: Tensor
) -> Tensor:
    """Return user states at the positions that count, [n, d]."""
    gates = _noisy_gates(found.keep_logits) if model.training else found.gates
    adaptation = Adaptation(keep_logits=found.keep_logits, gates=gates, thetas=found.thetas)
    x, valid = model.embed_rows(table, batch.inputs)
    return model.assembled_states(x, valid, adaptation)[where]


def draw_ranks(nested_ranks: tuple[int, ...], windows: int, generator: np.random.Generator) -> Tensor | None:
    """Return a smaller rank for each window of a batch, all equally likely (our choice).

    Args:
        nested_ranks: to draw from; without any nothing is drawn, and the generator stays where it is.
        windows: B.
        generator: of this step.

    Returns:
        int64 [B], or None when there are no smaller ranks.
    """
    return torch.from_numpy(generator.choice(nested_ranks, size=windows)) if nested_ranks else None


def _noisy_gates(keep_logits: Tensor) -> Tensor:
    """Sample gates [B, L]; the noise of a window does not depend on how many processes share the batch."""
    return share(sampled_gates(scattered(keep_logits.float())))


def split_windows(inputs: Tensor, target_positions: int) -> tuple[Tensor, Tensor]:
    """Cut each window into what the parameters may see and where the loss counts.

    Args:
        inputs: int64 [B, T], item rows, -1 where padded on the left.
        target_positions: m.

    Returns:
        beginnings int64 [B, T]: the first n - m + 1 of n items, padded on the left;
        where bool [B, T]: the last m positions of `inputs`, the first of which is the last one that was seen.
    """
    B, T = inputs.shape
    n = (inputs >= 0).sum(dim=1)
    m = torch.minimum(torch.full_like(n, target_positions), (n + 1) // 2)
    positions = torch.arange(T, device=inputs.device)[None, :]
    where = positions >= (T - m)[:, None]
    # Shifting right by m - 1 drops the last m - 1 items and keeps the padding on the left.
    source = positions - (m - 1)[:, None]
    beginnings = inputs.gather(1, source.clamp(min=0).expand(B, T))
    return torch.where(source >= 0, beginnings, PAD), where


def share_penalty(keep_logits: Tensor, keep_share: float) -> Tensor:
    """Return squared distance of the expected share of executed blocks from the wanted one, without noise (our choice).

    Args:
        keep_logits: [B, L, 2], of this process's share of the batch.
        keep_share: rho.

    Returns:
        A scalar; two-sided, so that gates neither all close nor all open.
    """
    keep_logits = keep_logits.float()
    shares = torch.sigmoid(keep_logits[:, :, 1] - keep_logits[:, :, 0])
    return (mean_over_all(shares.sum(), shares.numel()) - keep_share).square()
