"""The cheap part of benchmarks/same_bytes.py: a small network, cut in rank, as other processors would bundle it."""

from __future__ import annotations

from pathlib import Path

import pytest
from same_bytes import VARIANTS, digests
from toys import random_model, save_checkpoint

RECIPE = """\
description: int4 puts the largest weight of a group exactly between two codes, so last digits would decide.
precision: {default: int4, layers: {adapt.controller: int8}}
rank: 1
candidates: 25
selftest: {cases: 3, candidates: 8, tile_items: 8, min_snr_db: 3}
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("toy")
    (folder / "recipe.yaml").write_text(RECIPE)
    return save_checkpoint(folder / "checkpoint", random_model(2)), folder / "recipe.yaml"


@pytest.mark.integration
@pytest.mark.slow
def test_plans_and_bundles_are_the_same_on_older_processors(toy: tuple[Path, Path]) -> None:
    checkpoint, recipe = toy
    here, old, newer = (
        digests(checkpoint, {str(recipe): ["1MB"]}, settings)
        for settings in ({"OMP_NUM_THREADS": "2"}, VARIANTS["Nehalem"], VARIANTS["Haswell"])
    )
    assert len(here) == 3  # the plan and a bundle for each runtime
    assert old == here
    assert newer == here
