from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ofa_export.data.histories import Histories
from ofa_export.training.comparison import baseline_quality
from ofa_export.training.training_run import TrainingRun
from ofa_export.training.validation_set import choose_validation


def test_baselines_are_measured_on_the_validation_histories(
    run_of: Callable[..., TrainingRun], histories: Histories
) -> None:
    validation = choose_validation(run_of(probes={"users": 60}))
    measured = baseline_quality(histories, validation)
    # What follows an item decides in this data set; how often it occurs does not.
    assert measured["markov"] > 1.5 * measured["popularity"] > 0
    first = replace(validation, targets=np.zeros_like(validation.targets))
    assert baseline_quality(histories, first)["popularity"] == 1


def test_what_was_seen_is_left_out_where_items_are_bought_once(
    run_of: Callable[..., TrainingRun], histories: Histories
) -> None:
    validation = choose_validation(run_of())
    once = replace(histories, exclude_history=True)
    assert baseline_quality(once, validation)["popularity"] >= baseline_quality(histories, validation)["popularity"]
    seen = replace(
        validation, histories=np.tile(np.arange(6, dtype=np.int32), (20, 1)), targets=np.full(20, 6, np.int32)
    )
    assert baseline_quality(once, seen)["popularity"] == 1
    assert baseline_quality(histories, seen)["popularity"] < 0.5
