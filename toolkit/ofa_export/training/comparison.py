"""What stands beside every model: popularity and first-order Markov, on the validation users that chose the epochs."""

from __future__ import annotations

from ofa_export.data.histories import evaluation_batch
from ofa_export.metrics import ndcg, target_ranks
from ofa_export.training.baselines import MarkovChain, popularity_scores
from ofa_export.training.session import Session


def baseline_quality(session: Session) -> dict[str, float]:
    """NDCG@10 of the baselines and of the static net, full ranking.

    Args:
        session: after its stages.

    Returns:
        `popularity`, `markov` and `static`: the static net before anything else was trained.
    """
    histories, T = session.histories, session.model.config.history_length
    batch, _, targets = evaluation_batch(histories, session.validation_users, split="validation", history_length=T)
    seen = batch if histories.exclude_history else None
    scores = {
        "popularity": popularity_scores(histories, len(batch)),
        "markov": MarkovChain.fit(histories).scores(batch),
    }
    measured = {
        name: float(ndcg(target_ranks(found, targets, history=seen), 10).mean()) for name, found in scores.items()
    }
    return measured | {"static": float(session.measured["static"]["best"])}
