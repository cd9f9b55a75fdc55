from __future__ import annotations

import math

import numpy as np
import pytest

from ofa_export.validation.deviation import deviation


def of(reference: list[list[float]], value: list[list[float]]):
    return deviation(np.array(reference, np.float32), np.array(value, np.float32))


def test_snr_is_ten_log_ten_of_signal_energy_over_noise_energy() -> None:
    # Signal 9 + 16 = 25, noise 0.25: a ratio of 100, which is 20 dB.
    assert of([[3, 4]], [[3, 4.5]]).snr_db == pytest.approx([20])


def test_every_history_has_its_own_noise_against_the_usual_signal() -> None:
    # Signals 25 and 1, 13 in the mean; noises 0.13 and 1.3: ratios of 100 and 10.
    found = of([[3, 4], [1, 0]], [[3, 4 + 0.13**0.5], [1 + 1.3**0.5, 0]])
    assert found.snr_db == pytest.approx([20, 10], rel=1e-6)
    assert found.abs_err == pytest.approx([0.13**0.5, 1.3**0.5], rel=1e-6)
    assert found.max_abs_err == found.abs_err[1]


def test_all_axes_after_the_first_belong_to_a_history() -> None:
    reference = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    value = reference.copy()
    value[1, 2, 3] += 2
    assert deviation(reference, value).abs_err.tolist() == [0, 2]


def test_equal_values_have_no_noise() -> None:
    assert of([[1, 2]], [[1, 2]]).snr_db.tolist() == [math.inf]


def test_a_history_with_a_small_output_does_not_make_ordinary_noise_worse() -> None:
    found = of([[10, 10], [0, 1e-3]], [[10, 10.1], [0, 0.101]])
    assert found.snr_db[1] == pytest.approx(found.snr_db[0], abs=0.1)


def test_an_output_that_is_zero_everywhere_is_silent() -> None:
    assert of([[0, 0], [0, 0]], [[1e-3, 0], [0, 0]]).silent
    assert not of([[0, 0], [1, 1]], [[0, 0], [1, 1]]).silent


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_reaches_no_limit(bad: float) -> None:
    found = of([[1, 2], [1, 2]], [[1, 2], [bad, 2]])
    assert math.isnan(found.max_abs_err)
    assert found.snr_db.tolist() == [math.inf, -math.inf]
