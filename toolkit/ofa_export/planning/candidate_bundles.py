"""The bundles that candidates would become: exact bytes and measured costs, at the price of a conversion."""

from __future__ import annotations

from functools import cache

from ofa_export.bundle.writer import BundleContents, smallest_budget
from ofa_export.converters.protocol import Backend
from ofa_export.planning.candidates import Candidate
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.footprint import Footprint, footprint
from ofa_export.planning.limits import Limits
from ofa_export.planning.master_cache import load_master
from ofa_export.planning.measured_candidate import MeasuredCandidate
from ofa_export.planning.recipe import OpenRecipe
from ofa_export.support.content_cache import ContentCache


class CandidateBundles:
    """Converts candidates when asked about them, each once.

    Args:
        source: the checkpoint and the user group.
        backend: the runtime.
        recipe: what the candidates do not say.
        limits: on memory and time.
        store: keeps conversions, masters and measurements.
    """

    def __init__(
        self, source: ExportSource, *, backend: Backend, recipe: OpenRecipe, limits: Limits, store: ContentCache
    ) -> None:
        self.limits = limits

        @cache
        def master(candidate: Candidate) -> BundleContents:
            return load_master(source, backend=backend, recipe=candidate.resolved(recipe), store=store)

        self._master = master
        self._footprint = cache(lambda candidate: footprint(master(candidate), backend=backend, store=store))

    def contents(self, one: MeasuredCandidate) -> BundleContents:
        """The master of a candidate."""
        return self._master(one.candidate)

    def cost(self, one: MeasuredCandidate) -> Footprint:
        """Memory and time of a session."""
        return self._footprint(one.candidate)

    def bytes(self, one: MeasuredCandidate, tiles: int) -> int:
        """The smallest budget that holds a candidate with so many tiles."""
        return smallest_budget(self.contents(one), tiles)

    def least_bytes(self, candidate: Candidate) -> int:
        """The smallest budget that holds a candidate at all, measured or not."""
        contents = self._master(candidate)
        return smallest_budget(contents, contents.floor_tiles)

    def bytes_within_limits(self, one: MeasuredCandidate, tiles: int) -> int | None:
        """The same, or None for a candidate that breaks a limit."""
        if self.limits.bind and self.limits.broken_by(self.cost(one)):
            return None
        return self.bytes(one, tiles)

    def surcharge(self, one: MeasuredCandidate) -> int:
        """Bytes of its graphs, manifest and card beyond the weights."""
        point = one.points[0]
        return self.bytes(one, point.tiles) - one.bytes_at_least(point)
