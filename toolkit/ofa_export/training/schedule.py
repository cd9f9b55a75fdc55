"""Learning rate of each step as a share of its peak, and when a stage has trained long enough.

Without patience the number of steps is known, and the rate falls like half a cosine over all of them. With patience it
is not: the rate stays at its peak until validation stops getting better, and then falls to zero in a cool-down, from
the best state. This is "warmup-stable-decay" (Hu et al., MiniCPM, arXiv 2404.06395, section 4; that a linear fall over
a fifth of the steps comes up to a cosine of the same length: Hägele et al., arXiv 2405.18392, section 4). That the
cool-down begins at the best state, and its share of the epochs which that took, are our choice.
"""

from __future__ import annotations

import math


def warm_up(step: int, *, total: int, steps: int) -> float:
    """Rise to 1, for half of the run at most.

    Args:
        step: which one, from 0.
        total: steps of the run.
        steps: of the rise.
    """
    return min(1.0, (step + 1) / max(1, min(steps, total // 2)))


def cosine(step: int, *, total: int) -> float:
    """Fall from 1 to 0 over all steps of a run.

    Args:
        step: which one, from 0.
        total: steps of the run.
    """
    return 0.5 * (1 + math.cos(math.pi * step / total))


def linear(step: int, *, total: int) -> float:
    """Fall from 1 in equal steps; the one after the last would be 0.

    Args:
        step: which one, from 0.
        total: steps of the fall.
    """
    return 1 - step / total


def cooldown_epochs(share: float, best_epoch: int) -> int:
    """Tell how many epochs a cool-down takes.

    Args:
        share: of the epochs that led to the best state; 0 for none.
        best_epoch: how many these were.

    Returns:
        At least one, unless there shall be none.
    """
    return max(1, round(share * best_epoch)) if share else 0
