"""What the histories of a validation covered: lengths, items, places of candidates, combinations of blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ofa_export.validation.comparison import Comparison


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What was tried, of what there is.

    Args:
        real_histories: of the checkpoint, with those cut or joined from them.
        made_histories: all others.
        repeats: histories with an item more than once.
        lengths: lengths of a history, counted once each.
        all_lengths: T.
        history_items: items that are in a history.
        candidate_items: items that were ranked.
        all_items: V.
        candidate_places: places of a call of `score` in which each item was ranked.
        all_candidate_places: C.
        block_combinations: combinations of blocks that ran.
        all_block_combinations: 2^L.
        gate_combinations: combinations that gates of the histories themselves chose; no input is known that has others.
    """

    real_histories: int
    made_histories: int
    repeats: int
    lengths: int
    all_lengths: int
    history_items: int
    candidate_items: int
    all_items: int
    candidate_places: int
    all_candidate_places: int
    block_combinations: int
    all_block_combinations: int
    gate_combinations: int

    @property
    def text(self) -> str:
        """All of it in a line."""
        return (
            f"Covered by {self.real_histories:,} histories and {self.made_histories:,} made ones "
            f"({self.repeats:,} with repeats): {self.lengths:,} of {self.all_lengths:,} lengths, "
            f"{self.history_items:,} of {self.all_items:,} items in histories and {self.candidate_items:,} as "
            f"candidates, each in {self.candidate_places:,} of {self.all_candidate_places:,} places, "
            f"{self.block_combinations:,} of {self.all_block_combinations:,} combinations of blocks "
            f"({self.gate_combinations:,} by gates of their own)."
        )


def coverage(comparison: Comparison) -> Coverage:
    """Count what the sweep and the sessions of a comparison tried.

    Args:
        comparison: whose sweep and sessions ran to their end.
    """
    sweep, sessions, shapes = comparison.sweep, comparison.sessions, comparison.manifest.shapes
    held = np.zeros(comparison.checkpoint.config.model.items, bool)
    held[sweep.rows[sweep.rows >= 0]] = True
    real = len(comparison.histories) if comparison.histories.whole else 0
    ordered = np.sort(sweep.rows, axis=1)
    repeated = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)
    return Coverage(
        real_histories=real,
        made_histories=len(sweep.rows) - real,
        repeats=int(repeated.sum()),
        lengths=len(np.unique(sweep.lengths)),
        all_lengths=shapes.history_length,
        history_items=int(held.sum()),
        candidate_items=len(held),
        all_items=len(held),
        candidate_places=min(shapes.candidates, len(sessions.gates)),
        all_candidate_places=shapes.candidates,
        block_combinations=len(np.unique(sweep.blocks, axis=0)),
        all_block_combinations=2**shapes.depth,
        gate_combinations=len(np.unique(sweep.gates, axis=0)),
    )
