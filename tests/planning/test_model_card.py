from __future__ import annotations

from dataclasses import replace

import pytest

from ofa_export.model.checkpoint import Checkpoint
from ofa_export.planning.model_card import model_card
from ofa_export.planning.quality import QualityCurve

CURVE = QualityCurve(full_table=0.25, by_tiles=((3, 0.1), (48, 0.24567)), users=12)


def card(checkpoint: Checkpoint) -> str:
    return model_card(checkpoint, group=1, runtime="litert", precision="int8", curve=CURVE)


def test_attribution_and_licence_travel_with_every_bundle(checkpoint: Checkpoint) -> None:
    text = card(checkpoint)
    assert "Drawn by nobody." in text
    assert "toy, licence CC0-1.0." in text


def test_the_numbers_are_those_of_the_curve_and_the_model(checkpoint: Checkpoint) -> None:
    text = card(checkpoint)
    for line in ("| 3 | 0.1000 |", "| 48 | 0.2457 |", "| full table | 0.2500 |"):
        assert line in text.splitlines()
    assert "on 12 validation histories" in text
    assert "60 items x 16 dimensions, histories of 8 items" in text
    assert "for litert, int8 graphs, user group 1 of 2" in text
    assert checkpoint.sha256[:16] in text


def test_it_says_whether_the_history_was_ranked(checkpoint: Checkpoint) -> None:
    assert "left out of the ranking" in " ".join(card(checkpoint).split())
    data = checkpoint.config.data.model_copy(update={"exclude_history": False})
    repeats = replace(checkpoint, config=checkpoint.config.model_copy(update={"data": data}))
    assert "part of the ranking" in " ".join(card(repeats).split())


@pytest.mark.parametrize("training", [{}, {"recipe": None, "probe_ndcg_at_10": None}, {"recipe": {}}])
def test_a_checkpoint_that_does_not_tell_how_it_was_trained(checkpoint: Checkpoint, training: dict) -> None:
    silent = replace(checkpoint, config=checkpoint.config.model_copy(update={"training": training}))
    assert "recipe: not recorded" in card(silent)
    assert "of the training run" not in card(silent)


def test_baselines_stand_beside_the_model(checkpoint: Checkpoint) -> None:
    training = {"recipe": {"description": "Quick."}, "probe_ndcg_at_10": {"markov": 0.1, "static": 0.2}}
    told = replace(checkpoint, config=checkpoint.config.model_copy(update={"training": training}))
    assert "recipe: Quick." in card(told)
    assert "| markov | 0.1000 |\n| static | 0.2000 |" in card(told)
