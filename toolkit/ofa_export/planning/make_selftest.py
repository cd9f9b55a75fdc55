"""The self-test of a bundle: real histories and what the PyTorch reference answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

import numpy as np
import torch

from ofa_export.bundle.selftest import SelfTest
from ofa_export.bundle.table import ElasticTable
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.exact import in_float64
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.planning.bundle_recipe import SelfTestRecipe
from ofa_export.precision import Precision, Scheme, is_part

UNDECIDED: Mapping[Scheme, float] = {"fp32": 1e-4, "int8": 0.03, "int4": 0.5}
"""Distance by which rounding the controller may move a margin; a gate nearer than that proves nothing.

Measured on the sample: int8 up to .03, int4 up to .22 (docs/precision.md).
"""

CONTROLLER = "adapt.controller"

TRIED = 100
"""Histories among which a decided one is sought."""


@torch.no_grad()
def selftest_vectors(
    checkpoint: Checkpoint, *, group: int, recipe: SelfTestRecipe, table: ElasticTable, precision: Precision
) -> SelfTest:
    """Run the reference in float64 on a few validation histories, cut to lengths from one item to a full history.

    A device compares gates exactly, so histories are taken whose gates the precision cannot turn, as far as there are.

    The inputs are embeddings at full precision, rounded to float16, so that the vectors are the same at every budget.
    The answers are rounded to float32 at the end, so that they are the same on every processor.

    Args:
        checkpoint: reference, table and validation histories.
        group: user group of the table.
        recipe: how many cases, candidates and items.
        table: with every tile.
        precision: of all layers.

    Returns:
        The vectors.
    """
    model, values = in_float64(checkpoint.model), checkpoint.table(group)
    margin = _margin(precision)
    histories = [
        _decided(model, values, drawn, margin=margin)
        for drawn in _histories(checkpoint, group=group, cases=recipe.cases)
    ]
    rows = [_embeddings(values, history) for history in histories]
    V = len(values)
    spread = np.unique(np.linspace(0, V - 1, recipe.candidates).astype(np.int32))
    candidates = values[torch.from_numpy(spread.astype(np.int64))].to(torch.float16)
    answers = [reference_answer(model, history.double(), candidates.double()) for history in rows]
    gates, keep_logits, scores = (np.concatenate(parts).astype(np.float32) for parts in zip(*answers, strict=True))
    items = np.unique(np.linspace(0, V - 1, recipe.tile_items).astype(np.int32))
    return SelfTest(
        rows=torch.cat(rows).numpy(),
        lengths=np.array([len(history) for history in histories], np.int32),
        candidates=candidates.numpy(),
        gates=gates,
        keep_logits=keep_logits,
        scores=scores,
        tile_items=items,
        tile_codes=table.codes(items),
    )


def _margin(precision: Precision) -> float:
    """Of the coarsest scheme in the controller."""
    parts = [scheme for name, scheme in precision.layers if is_part(name, CONTROLLER)]
    return max(UNDECIDED[scheme] for scheme in (precision.scheme_of(CONTROLLER), *parts))


def _histories(checkpoint: Checkpoint, *, group: int, cases: int) -> Iterator[Iterator[np.ndarray]]:
    """For each case, the group's longest validation histories: the first cut to one item, the last as it is.

    Each case has a history of its own; should its beginning not do, longer ones of the same history follow, then those
    of histories that no case has. All histories of one item may have the same gates.
    """
    items = checkpoint.validation.of_group(group).items
    longest = sorted(items, key=len, reverse=True)

    def drawn(case: int) -> Iterator[np.ndarray]:
        own = longest[(cases - 1 - case) % len(longest)]
        for full in (own, *longest[cases:]):
            shortest = round(1 + (len(full) - 1) * case / max(cases - 1, 1))
            yield from (full[-length:] for length in range(shortest, len(full) + 1))

    return (drawn(case) for case in range(cases))


def _decided(
    model: AdaptiveRecommender, table: torch.Tensor, histories: Iterator[np.ndarray], *, margin: float
) -> np.ndarray:
    """Return the first history whose gates stay what they are when logits move by the margin; else the surest."""
    best, surest = None, -1.0
    for history in islice(histories, TRIED):
        sure = _surety(model, _embeddings(table, history).double())
        if sure > surest:
            best, surest = history, sure
        if surest >= margin:
            break
    assert best is not None
    return best


def _surety(model: AdaptiveRecommender, history: torch.Tensor) -> float:
    """Tell how far the margin of the nearest gate is from turning it, or from changing places under a depth cap."""
    x, valid = _embedded(model, history)
    logits = model.adapt(x, valid).keep_logits[0]
    margins, cap = (logits[:, 1] - logits[:, 0]).sort(descending=True).values, model.config.depth_cap
    sure = float(margins.abs().min())
    if cap is not None and cap < len(margins) and margins[cap] > 0:
        sure = min(sure, float(margins[cap - 1] - margins[cap]))
    return sure


def _embeddings(table: torch.Tensor, history: np.ndarray) -> torch.Tensor:
    return table[torch.from_numpy(history.astype(np.int64))].to(torch.float16)


def _embedded(model: AdaptiveRecommender, history: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the first block gets, and which positions are real."""
    T = model.config.history_length
    padded = torch.nn.functional.pad(history, (0, 0, T - len(history), 0))[None]
    valid = model.valid(torch.tensor([len(history)]))
    return model.embed(padded, valid), valid


@torch.no_grad()
def reference_answer(
    model: AdaptiveRecommender, history: torch.Tensor, candidates: torch.Tensor
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return gates [1, L], keep logits [1, L, 2] and scores [1, K] of a case, in float64.

    Args:
        model: the reference in float64.
        history: float64 [n, d], embeddings of n items.
        candidates: float64 [K, d].
    """
    x, valid = _embedded(model, history)
    adaptation = model.adapt(x, valid)
    state = model.assembled_states(x, valid, adaptation)[:, -1]
    return adaptation.gates.numpy(), adaptation.keep_logits.numpy(), (state @ candidates.T).numpy()
