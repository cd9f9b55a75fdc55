from __future__ import annotations

import itertools

import pytest

from ofa_export.training.schedule import cooldown_epochs, cosine, linear, warm_up


def test_the_rate_rises_in_equal_steps_then_stays() -> None:
    assert [warm_up(step, total=100, steps=4) for step in (0, 1, 3, 4, 99)] == [0.25, 0.5, 1, 1, 1]


def test_a_short_run_warms_up_for_half_of_it_at_most() -> None:
    assert warm_up(4, total=10, steps=1000) == 1
    assert warm_up(3, total=10, steps=1000) == 0.8
    assert warm_up(0, total=1, steps=1000) == 1


def test_the_rate_falls_like_a_cosine() -> None:
    rates = [cosine(step, total=100) for step in range(100)]
    assert rates[0] == 1
    assert rates[25] == pytest.approx(0.5 + 0.5**1.5)
    assert rates[50] == pytest.approx(0.5)
    assert all(later < earlier for earlier, later in itertools.pairwise(rates))
    assert 0 < rates[99] < 0.001


def test_a_cool_down_falls_in_equal_steps() -> None:
    assert [linear(step, total=4) for step in range(4)] == [1, 0.75, 0.5, 0.25]


@pytest.mark.parametrize(("share", "best_epoch", "epochs"), [(0.2, 17, 3), (0.2, 0, 1), (0.2, 2, 1), (0, 17, 0)])
def test_a_cool_down_is_a_share_of_the_epochs_that_led_to_the_best_state(
    share: float, best_epoch: int, epochs: int
) -> None:
    assert cooldown_epochs(share, best_epoch) == epochs
