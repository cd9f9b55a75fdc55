from __future__ import annotations

import numpy as np
import pytest

from ofa_export.validation.latency import latencies
from ofa_export.validation.sessions import Sessions


def test_parts_and_the_whole_session_each_have_their_own_median() -> None:
    nothing = {name: np.zeros(0) for name in Sessions.__dataclass_fields__}
    # The slowest adapt and the slowest score are not of the same session, so medians do not add up.
    milliseconds = np.array([[1, 0, 9], [2, 0, 1], [9, 0, 2]], float)
    found = {part.part: part for part in latencies(Sessions(**{**nothing, "milliseconds": milliseconds}))}
    assert list(found) == ["adapt", "blocks", "score", "session"]
    assert {name: part.median_ms for name, part in found.items()} == {
        "adapt": 2,
        "blocks": 0,
        "score": 2,
        "session": 10,
    }
    assert found["adapt"].p90_ms == pytest.approx(7.6)
    assert {part.sessions for part in found.values()} == {3}
