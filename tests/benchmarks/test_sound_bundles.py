"""A few of the networks of benchmarks/sound_bundles.py, small ones that convert in seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
from sound_bundles import drawn, false_alarms, findings_of

from ofa_export.support.content_cache import ContentCache

EQUAL, UNTRAINED, MIXED = 34, 74, 85
"""Seeds: int4 with equal generators, int4 and int8 with int4 generators that were never trained."""


@pytest.mark.integration
@pytest.mark.parametrize("seed", [EQUAL, UNTRAINED, MIXED])
def test_a_sound_bundle_of_a_network_with_equal_layers_does_not_fail(seed: int, tmp_path: Path) -> None:
    case = drawn(seed)
    assert (case.runtime, case.mapper) == ("litert", "equal" if seed == EQUAL else "untrained")
    assert "int4" in case.recipe.precision.text
    findings, cost = findings_of(seed, case, store=ContentCache(tmp_path))
    assert false_alarms(findings, cost) == []
    assert {each.group for each in findings} >= {"bundle", "rounding", "session", "selftest"}
