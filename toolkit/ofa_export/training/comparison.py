"""Baselines beside every model: popularity and first-order Markov, on the validation histories."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ofa_export.data.histories import Histories
from ofa_export.model.checkpoint import ValidationSet
from ofa_export.ranking.metrics import ndcg, target_ranks
from ofa_export.training.baselines import MarkovChain, popularity_scores


def baseline_quality(histories: Histories, validation: ValidationSet) -> dict[str, float]:
    """NDCG@10 of the baselines on the histories that travel with the checkpoint, full ranking.

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
            qualities[name].append(ndcg(target_ranks(scores, targets, history=seen), 10))
    return {name: float(np.concatenate(found).mean()) for name, found in qualities.items()}
