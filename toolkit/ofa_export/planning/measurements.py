"""Measures candidates on the checkpoint's own validation histories, each once and for all budgets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ofa_export.converters.protocol import Backend
from ofa_export.planning.candidates import Candidate
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.measured_candidate import MeasuredCandidate
from ofa_export.planning.recipe import BundleRecipe, OpenRecipe
from ofa_export.support.content_cache import ContentCache

if TYPE_CHECKING:
    from ofa_export.planning.candidate_worth import WorthSource

Told = Callable[[int, int], None]
"""How many candidates are measured, of how many."""


class Measurements:
    """What candidates of one checkpoint are worth, from the store where it was measured before.

    Args:
        source: the checkpoint and the user group.
        backend: whose rounding counts.
        recipe: gives the self-test, whose bytes are part of every bundle.
        store: keeps measurements.
    """

    def __init__(
        self, source: ExportSource, *, backend: Backend, recipe: BundleRecipe | OpenRecipe, store: ContentCache
    ) -> None:
        self.source, self.backend, self.recipe, self.store = source, backend, recipe, store
        self._kept: WorthSource | None = None

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
            "rounding": [self.backend.name, repr(self.backend.rules)],
            "selftest": self.recipe.selftest.model_dump(),
        }
        base, found = self.source.key(described), []
        for done, candidate in enumerate(wanted):
            tell(done, len(wanted))
            found.append(MeasuredCandidate.model_validate_json(self._content(base, candidate)))
        tell(len(wanted), len(wanted))
        return tuple(found)

    def least_weights(self, wanted: Sequence[Candidate]) -> int:
        """Bytes of the weights of the smallest of some candidates, without measuring what they are worth."""
        return min(sum(self._worth_source(one.items).weights(one).values()) for one in wanted)

    def _content(self, base: str | None, candidate: Candidate) -> bytes:
        def make() -> bytes:
            return self._worth_source(candidate.items).worth(candidate).model_dump_json().encode()

        if base is None:
            return make()
        name = hashlib.sha256(f"{base} {candidate.model_dump_json()}".encode()).hexdigest()
        return self.store.get_or_make(f"{name}.worth", make)

    def _worth_source(self, items: int | None) -> WorthSource:
        # Imported here: what was measured before must not cost the import of torch.
        from ofa_export.planning.candidate_worth import WorthSource

        selection = self.source.selection(items)
        if self._kept is None or self._kept.selection is not selection:
            self._kept = WorthSource(selection, backend=self.backend, recipe=self.recipe)
        return self._kept
