"""Measures candidates on the checkpoint's own validation histories, each once and for all budgets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
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


class Measurements:
    """What candidates of one checkpoint are worth, from the store where it was measured before.

    Args:
        path: folder of the checkpoint.
        backend: whose rounding counts.
        group: user group.
        recipe: gives the self-test, whose bytes are part of every bundle.
        store: keeps measurements.
    """

    def __init__(self, path: Path, *, backend: Backend, group: int, recipe: OpenRecipe, store: ContentCache) -> None:
        self.path, self.backend, self.group, self.recipe, self.store = path, backend, group, recipe, store

    def of(
        self, wanted: Sequence[Candidate], *, tell: Told = lambda done, total: None
    ) -> tuple[MeasuredCandidate, ...]:
        """Every candidate with what it is worth.

        Args:
            wanted: which candidates.
            tell: told of progress.

        Raises:
            CheckpointError: the checkpoint is rejected.
        """
        described = {
            "group": self.group,
            "rounding": [self.backend.name, repr(self.backend.rules)],
            "selftest": self.recipe.selftest.model_dump(),
        }
        base, found = source_key(self.path, described), []
        for done, candidate in enumerate(wanted):
            tell(done, len(wanted))
            found.append(MeasuredCandidate.model_validate_json(self._content(base, candidate)))
        tell(len(wanted), len(wanted))
        return tuple(found)

    def least_weights(self, wanted: Sequence[Candidate]) -> int:
        """Bytes of the weights of the smallest of some candidates, without measuring what they are worth."""
        return min(sum(self._source.weights(candidate).values()) for candidate in wanted)

    def _content(self, base: str | None, candidate: Candidate) -> bytes:
        def make() -> bytes:
            return self._source.worth(candidate).model_dump_json().encode()

        if base is None:
            return make()
        name = hashlib.sha256(f"{base} {candidate.model_dump_json()}".encode()).hexdigest()
        return self.store.get_or_make(f"{name}.worth", make)

    @cached_property
    def _source(self) -> WorthSource:
        # Imported here: what was measured before must not cost the import of torch.
        from ofa_export.model.checkpoint_reader import load_checkpoint
        from ofa_export.planning.candidate_worth import WorthSource

        return WorthSource(load_checkpoint(self.path), backend=self.backend, group=self.group, recipe=self.recipe)
