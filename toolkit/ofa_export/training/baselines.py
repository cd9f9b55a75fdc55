"""Rankings that need no network: popularity, and what usually follows the newest item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ofa_export.data.histories import PAD, Histories
from ofa_export.model.checkpoint import ValidationSet
from ofa_export.ranking.metrics import ndcg_at_10


def popularity_scores(histories: Histories, batch: int) -> NDArray[np.float64]:
    """Return the same ranking for everyone: training interactions of each item.

    Args:
        histories: the data set.
        batch: B.

    Returns:
        `[B, V]`, read-only.
    """
    return np.broadcast_to(histories.popularity.astype(np.float64), (batch, histories.items))


@dataclass(frozen=True, kw_only=True)
class MarkovChain:
    """First-order Markov chain: how often each item came directly after each other one, in training parts only.

    Source: our choice of the back-off: popularity, scaled below one transition, orders what was never seen to follow
    and breaks ties between equal counts.

    Args:
        offsets: `[V+1]` successors of row i are `successors[offsets[i]:offsets[i+1]]`.
        successors: `[n]` item rows.
        counts: `[n]` how often each successor was seen.
        backoff: `[V]` scaled popularity, below 1.
    """

    offsets: NDArray[np.int64]
    successors: NDArray[np.int64]
    counts: NDArray[np.int64]
    backoff: NDArray[np.float64]

    @classmethod
    def fit(cls, histories: Histories) -> MarkovChain:
        """Count the transitions of a data set.

        Args:
            histories: the data set; validation and test items are not looked at.

        Returns:
            The chain.
        """
        parts = [histories.training_rows(user).astype(np.int64) for user in range(histories.users)]
        pairs = np.concatenate([part[:-1] * histories.items + part[1:] for part in parts])
        seen, counts = np.unique(pairs, return_counts=True)
        return cls(
            offsets=np.searchsorted(seen, np.arange(histories.items + 1) * histories.items),
            successors=seen % histories.items,
            counts=counts,
            backoff=histories.popularity / (1 + histories.popularity.max()),
        )

    def scores(self, history: NDArray[np.int32]) -> NDArray[np.float64]:
        """Score every item by how often it followed the newest item.

        Args:
            history: `[B, T]` item rows, padded on the left.

        Returns:
            `[B, V]`; popularity alone where the history is empty.
        """
        scores = np.tile(self.backoff, (len(history), 1))
        for row, newest in zip(scores, history[:, -1], strict=True):
            if newest != PAD:
                following = slice(self.offsets[newest], self.offsets[newest + 1])
                row[self.successors[following]] += self.counts[following]
        return scores


def baseline_quality(histories: Histories, validation: ValidationSet) -> dict[str, float]:
    """Return NDCG@10 of the baselines on the histories that travel with the checkpoint, full ranking.

    Args:
        histories: what the baselines are fitted on: their training part.
        validation: what they are measured on.

    Returns:
        `popularity` and `markov`.
    """
    chain = MarkovChain.fit(histories)
    qualities: dict[str, list[NDArray[np.float64]]] = {"popularity": [], "markov": []}
    # Few at a time: a score for every item is large.
    for start in range(0, len(validation.targets), 64):
        shown, targets = validation.histories[start : start + 64], validation.targets[start : start + 64]
        seen = shown if histories.exclude_history else None
        for name, scores in (("popularity", popularity_scores(histories, len(shown))), ("markov", chain.scores(shown))):
            qualities[name].append(ndcg_at_10(scores, targets, history=seen))
    return {name: float(np.concatenate(found).mean()) for name, found in qualities.items()}
