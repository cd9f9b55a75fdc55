"""Measures candidates on the checkpoint's own validation histories, each once and for all budgets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ofa_export.backends.protocol import Backend
from ofa_export.content_cache import ContentCache
from ofa_export.planning.candidates import Candidate
from ofa_export.planning.measured_candidate import MeasuredCandidate
from ofa_export.planning.recipe import OpenRecipe
from ofa_export.planning.source_key import source_key

if TYPE_CHECKING:
    from ofa_export.planning.candidate_worth import WorthSource

Told = Callable[[int, int], None]
"""How many candidates are measured, of how many."""


def measured_candidates(
    path: Path,
    wanted: Sequence[Candidate],
    *,
    backend: Backend,
    group: int,
    recipe: OpenRecipe,
    store: ContentCache,
    tell: Told = lambda done, total: None,
) -> tuple[MeasuredCandidate, ...]:
    """Every candidate with what it is worth, from the store where it was measured before.

    Args:
        path: folder of the checkpoint.
        wanted: which candidates.
        backend: whose rounding counts.
        group: user group.
        recipe: gives the self-test, whose bytes are part of every bundle.
        store: keeps measurements.
        tell: told of progress.

    Raises:
        CheckpointError: the checkpoint is rejected.
    """
    base = source_key(path, {"group": group, "rounding": backend.name, "selftest": recipe.selftest.model_dump()})

    @cache
    def source() -> WorthSource:
        # Imported here: what was measured before must not cost the import of torch.
        from ofa_export.model.checkpoint_reader import load_checkpoint
        from ofa_export.planning.candidate_worth import WorthSource

        return WorthSource(load_checkpoint(path), backend=backend, group=group, recipe=recipe)

    found = []
    for done, candidate in enumerate(wanted):
        tell(done, len(wanted))

        def make(candidate: Candidate = candidate) -> bytes:
            return source().worth(candidate).model_dump_json().encode()

        name = None if base is None else hashlib.sha256(f"{base} {candidate.model_dump_json()}".encode()).hexdigest()
        content = make() if name is None else store.get_or_make(f"{name}.worth", make)
        found.append(MeasuredCandidate.model_validate_json(content))
    tell(len(wanted), len(wanted))
    return tuple(found)
