from __future__ import annotations

import numpy as np
import pytest

from ofa_export.validation.score_sample import score_sample
from ofa_export.validation.sessions import Sessions, _shown


@pytest.fixture
def sessions() -> Sessions:
    whole = {name: np.zeros(0) for name in Sessions.__dataclass_fields__}
    whole["same_gates"] = np.array([True, False])
    whole["sampled_reference"] = np.array([[3, 1.23456789, 0], [6, 5, 4]], np.float32)
    whole["sampled_device"] = np.array([[3, 1, 0], [6, 7, 4]], np.float32)
    return Sessions(**whole)


def test_scores_of_one_item_stay_together_with_the_gates_of_their_history(sessions: Sessions) -> None:
    sample = score_sample(sessions)
    assert sample.reference == (3, 1.2346, 0, 6, 5, 4)
    assert sample.device == (3, 1, 0, 6, 7, 4)
    assert sample.same_gates == (True, True, True, False, False, False)


def test_items_are_shown_from_the_best_to_the_last_and_the_one_that_is_off_most() -> None:
    reference = np.arange(101, dtype=np.float32)[None, ::-1].repeat(2, axis=0)
    scores = reference.copy()
    scores[0, 17] += 9
    scores[1, 60] -= 9
    assert _shown(reference, scores, 6).tolist() == [[0, 25, 50, 75, 100, 17], [0, 25, 50, 75, 100, 60]]
