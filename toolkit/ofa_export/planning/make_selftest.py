"""The self-test of a bundle: histories that nobody has, and what the PyTorch reference answers.

A bundle goes to everybody, and an embedding tells which item it is of. So the histories are made, not taken: a hash of
their length draws them, and the network alone decides which of them are used (docs/privacy.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from ofa_export.bundle.selftest import SelfTest
from ofa_export.bundle.table import ElasticTable
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.exact import in_float64
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.planning.bundle_recipe import SelfTestRecipe
from ofa_export.precision import Precision, Scheme, is_part

UNDECIDED: Mapping[Scheme, float] = {"fp32": 1e-4, "int8": 0.03, "int4": 0.5}
"""Distance by which rounding the controller may move a margin; a gate nearer than that proves nothing.

Measured on the sample: int8 up to .05, int4 up to .43, most where margins are large themselves (docs/precision.md).
"""

CONTROLLER = "adapt.controller"

DRAWN = 256
"""Histories of each length among which one is chosen; some random networks turn a gate in one of a hundred."""

FEWEST = 16
"""Histories that are looked at however large the network is."""

WORK = 2**26
"""Size, as T d^2 each, of the histories that are looked at: seconds for large networks, all 256 for those of phones."""

SUREST = 10
"""Of those that show as much, this many with the largest margins are compared by their scores."""

VALUES_AT_ONCE = 2**20
"""Values of embedded histories that go through the controller in one pass."""


@torch.no_grad()
def selftest_vectors(
    checkpoint: Checkpoint, *, group: int, recipe: SelfTestRecipe, table: ElasticTable, precision: Precision
) -> SelfTest:
    """Run the reference in float64 on a few made histories, of lengths from one item to a full history.

    A device compares gates exactly, so histories are chosen whose gates the precision cannot turn, as far as there are,
    and such that together they show each block on and off. What no drawn history shows, no case shows: a block that is
    always on is checked by every case, one that is always off by none.

    The inputs are embeddings at full precision, rounded to float16, so that the vectors are the same at every budget.
    The answers are rounded to float32 at the end, so that they are the same on every processor.

    Args:
        checkpoint: reference and table; its validation histories are not looked at.
        group: user group of the table.
        recipe: how many cases, candidates and items.
        table: with every tile.
        precision: of all layers.

    Returns:
        The vectors.
    """
    model, values = in_float64(checkpoint.model), checkpoint.table(group)
    V = len(values)
    spread = np.unique(np.linspace(0, V - 1, recipe.candidates).astype(np.int32))
    candidates = values[torch.from_numpy(spread.astype(np.int64))].to(torch.float16)
    choice = _Choice(model=model, table=values, candidates=candidates.double(), margin=undecided_margin(precision))
    rows = [_embeddings(values, history) for history in choice.histories(recipe.cases)]
    answers = [reference_answer(model, history.double(), candidates.double()) for history in rows]
    gates, keep_logits, scores = (np.concatenate(parts).astype(np.float32) for parts in zip(*answers, strict=True))
    items = np.unique(np.linspace(0, V - 1, recipe.tile_items).astype(np.int32))
    return SelfTest(
        rows=torch.cat(rows).numpy(),
        lengths=np.array([len(history) for history in rows], np.int32),
        candidates=candidates.numpy(),
        gates=gates,
        keep_logits=keep_logits,
        scores=scores,
        tile_items=items,
        tile_codes=table.codes(items),
    )


def drawn_histories(items: int, length: int) -> NDArray[np.int64]:
    """Draw histories that depend on these two numbers and on nothing else (our choice).

    Number k comes from SHAKE-256 of "ofa-export self-test n k", read as 2 n unsigned 64-bit little-endian integers. The
    first n, modulo V, are its items, oldest first. If k is no multiple of 4, the first n / 2, n / 4 or n / 8 of these
    are all that it has, but no fewer than three, and the other n integers, modulo their number, say which is where:
    such histories turn gates that a mixture of everything leaves alone.

    Args:
        items: V.
        length: n, 1 to T.

    Returns:
        Item rows, `[DRAWN, n]`.
    """
    histories = np.empty((DRAWN, length), np.int64)
    for number, history in enumerate(histories):
        seed = f"ofa-export self-test {length} {number}".encode()
        drawn = np.frombuffer(hashlib.shake_256(seed).digest(16 * length), "<u8").reshape(2, length)
        distinct = max(length >> number % 4, min(length, 3))
        places = np.arange(length) if distinct == length else (drawn[1] % distinct).astype(np.int64)
        history[:] = (drawn[0] % items)[places]
    return histories


def undecided_margin(precision: Precision) -> float:
    """Return the margin that gates of a self-test keep: that of the coarsest scheme in the controller."""
    parts = [scheme for name, scheme in precision.layers if is_part(name, CONTROLLER)]
    return max(UNDECIDED[scheme] for scheme in (precision.scheme_of(CONTROLLER), *parts))


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """Choice among drawn histories.

    Args:
        model: the reference in float64.
        table: [V, d].
        candidates: float64 [K, d], what is scored.
        margin: distance from turning that a gate must keep.
    """

    model: AdaptiveRecommender
    table: Tensor
    candidates: Tensor
    margin: float

    def histories(self, cases: int) -> Iterator[NDArray[np.int64]]:
        """Choose the history of each case, from one item to T; each shows gates that those before it have not shown."""
        T, L = self.model.config.history_length, self.model.config.depth
        shown = np.zeros((L, 2), bool)
        for case in range(cases):
            history, gates = self._history(round(1 + (T - 1) * case / max(cases - 1, 1)), shown)
            shown[np.arange(L), gates] = True
            yield history

    def _history(self, length: int, shown: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        """Return a history whose gates stay what they are when logits move by the margin, else the surest; its gates.

        All histories of one item may have the same gates; where none of a length is sure, longer ones are tried.
        """
        best, surest = None, -1.0
        for tried in self._lengths(length):
            drawn = drawn_histories(len(self.table), tried)[: self._looked_at]
            gates, surety = self._decisions(drawn)
            sure = np.flatnonzero(surety >= self.margin)
            if len(sure):
                new = (~shown[np.arange(len(shown)), gates[sure]]).sum(axis=1)
                chosen = self._loudest(drawn, sure[new == new.max()], surety)
                return drawn[chosen], gates[chosen]
            first = int(surety.argmax())
            if surety[first] > surest:
                best, surest = (drawn[first], gates[first]), float(surety[first])
        assert best is not None
        return best

    @property
    def _looked_at(self) -> int:
        config = self.model.config
        return max(FEWEST, WORK // (config.history_length * config.width**2))

    def _lengths(self, length: int) -> Iterator[int]:
        """From a length to T in steps that double."""
        T, step = self.model.config.history_length, 1
        while length < T:
            yield length
            length, step = length + step, 2 * step
        yield T

    def _decisions(self, histories: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return gates [n, L], and how far the nearest one is from turning, or from changing places under a cap."""
        model, config = self.model, self.model.config
        at_once = max(1, VALUES_AT_ONCE // (config.history_length * config.width))
        parts = [
            model.controller(*_embedded(model, _embeddings(self.table, part).double()))
            for part in np.array_split(histories, -(-len(histories) // at_once))
        ]
        keep_logits = torch.cat(parts)
        margins = (keep_logits[..., 1] - keep_logits[..., 0]).sort(dim=1, descending=True).values
        surety, cap = margins.abs().amin(dim=1), config.depth_cap
        if cap is not None and cap < config.depth:
            changed = torch.where(margins[:, cap] > 0, margins[:, cap - 1] - margins[:, cap], torch.inf)
            surety = torch.minimum(surety, changed)
        # Rounded: histories that are equally sure by construction must not be told apart by a processor's last digits.
        return model.controller.decide(keep_logits).numpy().astype(np.intp), surety.numpy().round(9)

    def _loudest(self, histories: NDArray[np.int64], among: NDArray[np.intp], surety: NDArray[np.float64]) -> int:
        """Return which of the surest histories has the largest scores, of which rounding hides least."""
        surest = among[np.argsort(-surety[among], kind="stable")][:SUREST]
        answers = (self._scores(histories[index]) for index in surest)
        return int(surest[np.argmax([np.square(scores).sum() for scores in answers])])

    def _scores(self, history: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return scores of the candidates, [1, K]."""
        return reference_answer(self.model, _embeddings(self.table, history).double(), self.candidates)[2]


def _embeddings(table: Tensor, histories: NDArray[np.int64]) -> Tensor:
    return table[torch.from_numpy(histories)].to(torch.float16)


def _embedded(model: AdaptiveRecommender, histories: Float[Tensor, "B n d"]) -> tuple[Tensor, Tensor]:
    """Return what the first block gets, [B, T, d], and which positions are real, [B, T]."""
    T, (B, n, _) = model.config.history_length, histories.shape
    valid = model.valid(torch.full((B,), n))
    return model.embed(torch.nn.functional.pad(histories, (0, 0, T - n, 0)), valid), valid


@torch.no_grad()
def reference_answer(
    model: AdaptiveRecommender, history: Tensor, candidates: Tensor
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return gates [1, L], keep logits [1, L, 2] and scores [1, K] of a case, in float64.

    Args:
        model: the reference in float64.
        history: float64 [n, d], embeddings of n items.
        candidates: float64 [K, d].
    """
    x, valid = _embedded(model, history[None])
    adaptation = model.adapt(x, valid)
    state = model.assembled_states(x, valid, adaptation)[:, -1]
    return adaptation.gates.numpy(), adaptation.keep_logits.numpy(), (state @ candidates.T).numpy()
