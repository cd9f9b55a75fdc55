"""The self-test of a bundle: real histories and what the PyTorch reference answers."""

from __future__ import annotations

import numpy as np
import torch

from ofa_export.bundle.codes import EncodedTable
from ofa_export.bundle.selftest import SelfTest
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.planning.quality import group_probes
from ofa_export.planning.recipe import SelfTestRecipe


@torch.no_grad()
def selftest_vectors(checkpoint: Checkpoint, *, group: int, recipe: SelfTestRecipe, encoded: EncodedTable) -> SelfTest:
    """Run the reference on a few probes, cut to lengths from one item to a full history.

    The inputs are embeddings at full precision, rounded to float16, so that the vectors are the same at every budget.

    Args:
        checkpoint: reference, table and probes.
        group: user group of the table.
        recipe: how many cases, candidates and items.
        encoded: the table's codes.

    Returns:
        The vectors.
    """
    model, table = checkpoint.model, checkpoint.table(group)
    histories = _histories(checkpoint, group=group, cases=recipe.cases)
    rows = [table[torch.from_numpy(history.astype(np.int64))].to(torch.float16) for history in histories]
    V = len(table)
    spread = np.unique(np.linspace(0, V - 1, recipe.candidates).astype(np.int32))
    candidates = table[torch.from_numpy(spread.astype(np.int64))].to(torch.float16)
    answers = [_answer(model, history.float(), candidates.float()) for history in rows]
    items = np.unique(np.linspace(0, V - 1, recipe.tile_items).astype(np.int32))
    return SelfTest(
        rows=torch.cat(rows).numpy(),
        lengths=np.array([len(history) for history in histories], np.int32),
        candidates=candidates.numpy(),
        gates=np.concatenate([gates for gates, _, _ in answers]),
        keep_logits=np.concatenate([logits for _, logits, _ in answers]),
        scores=np.concatenate([scores for _, _, scores in answers]),
        tile_items=items,
        tile_codes=encoded.codes[items],
    )


def _histories(checkpoint: Checkpoint, *, group: int, cases: int) -> list[np.ndarray]:
    """Histories of the group's longest probes: the first cut to one item, the last the longest, as it is."""
    probes, mine = checkpoint.probes, group_probes(checkpoint, group)
    longest = mine[np.argsort(-probes.lengths[mine], kind="stable")]
    chosen = [longest[case % len(longest)] for case in reversed(range(cases))]
    histories = []
    for case, probe in enumerate(chosen):
        full = probes.histories[probe][probes.histories[probe] >= 0]
        length = round(1 + (len(full) - 1) * case / max(cases - 1, 1))
        histories.append(full[-length:])
    return histories


def _answer(
    model: AdaptiveRecommender, history: torch.Tensor, candidates: torch.Tensor
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    T = model.config.history_length
    padded = torch.nn.functional.pad(history, (0, 0, T - len(history), 0))[None]
    valid = model.valid(torch.tensor([len(history)]))
    x = model.embed(padded, valid)
    adaptation = model.adapt(x, valid)
    state = model.states(model.assemble(x, valid, adaptation))[:, -1]
    return adaptation.gates.numpy(), adaptation.keep_logits.numpy(), (state @ candidates.T).numpy()
