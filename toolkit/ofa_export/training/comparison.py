"""What stands beside every model: popularity and first-order Markov, on the probes."""

from __future__ import annotations

from ofa_export.data.histories import Histories
from ofa_export.metrics import ndcg, target_ranks
from ofa_export.model.checkpoint import Probes
from ofa_export.training.baselines import MarkovChain, popularity_scores


def baseline_quality(histories: Histories, probes: Probes) -> dict[str, float]:
    """NDCG@10 of the baselines on the histories that travel with the checkpoint, full ranking.

    Args:
        histories: what the baselines are fitted on: their training part.
        probes: what they are measured on.

    Returns:
        `popularity` and `markov`.
    """
    seen = probes.histories if histories.exclude_history else None
    scores = {
        "popularity": popularity_scores(histories, len(probes.targets)),
        "markov": MarkovChain.fit(histories).scores(probes.histories),
    }
    return {
        name: float(ndcg(target_ranks(found, probes.targets, history=seen), 10).mean())
        for name, found in scores.items()
    }
