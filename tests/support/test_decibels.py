from __future__ import annotations

import numpy as np
import pytest

from ofa_export.support.decibels import decibels


def test_a_tenth_of_the_amplitude_is_twenty_decibels() -> None:
    assert decibels(np.array([4.0, 1.0]), np.array([0.04, 1.0])) == pytest.approx([20, 0])


def test_no_noise_is_infinite_whatever_the_signal() -> None:
    assert decibels(np.array([3.0, 0.0]), np.zeros(2)).tolist() == [np.inf, np.inf]


def test_noise_without_a_signal_and_values_that_are_not_finite_are_the_worst_there_is() -> None:
    signal, noise = np.array([0.0, 1.0, 1.0, np.nan]), np.array([1.0, np.inf, np.nan, 1.0])
    assert decibels(signal, noise).tolist() == [-np.inf] * 4


def test_a_mean_signal_goes_with_the_noise_of_each_history() -> None:
    assert decibels(100.0, np.array([1.0, 10.0])) == pytest.approx([20, 10])
